import Datasets
import Foundation
import Images
import JSONTree
import Testing

/// A tar of pictures and a place for runs, removed with the value.
private struct Workbench {
  /// What makes a run of a second.
  static let small = [
    "--image-size", "16", "--width", "0.25", "--hidden", "16", "--projector-output", "8",
    "--threads", "1", "--precision", "float32", "--epochs", "1",
  ]

  let folder: FreshFolder
  let pictures: String
  let output: String

  init(_ files: [(name: String, bytes: [UInt8])]? = nil) throws {
    folder = try FreshFolder()
    pictures = folder.path + "/pictures.tar"
    output = folder.path + "/run"
    let bytes = try files.map(archive) ?? pictureArchive(count: 40)
    try Data(bytes).write(to: URL(fileURLWithPath: pictures))
  }

  /// `byol train` on the pictures; `size` are the flags of a small run.
  func train(
    _ flags: [String], pictures: String? = nil, size: [String] = Workbench.small
  ) throws -> (status: Int32, text: String) {
    try ServiceProcess.run(
      ["train", "--pictures", pictures ?? self.pictures, "--output", output] + size + flags)
  }

  var outputExists: Bool { FileManager.default.fileExists(atPath: output) }

  func text(of name: String) throws -> String {
    try String(contentsOfFile: "\(output)/\(name)", encoding: .utf8)
  }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: "\(output)/\(name)", atomically: true, encoding: .utf8)
  }

  /// The model of the newest checkpoint.
  func model() throws -> String {
    let steps = try FileManager.default.contentsOfDirectory(atPath: output + "/checkpoints")
    let step = try #require(steps.compactMap { Int($0) }.max())
    return "\(output)/checkpoints/\(step)/model.safetensors"
  }
}

/// The commands of the real binary, and what they leave.
@Suite(.timeLimit(.minutes(5))) struct CommandLineTests {
  @Test(
    arguments: [
      ["--batch-size", "0"], ["--batch-size=-1"], ["--batch-size", "-1"], ["--image-size", "0"],
      ["--image-size", "7"], ["--image-size", "4096"], ["--hidden", "0"], ["--width", "99"],
      ["--width", "nan"], ["--base-learning-rate", "nan"], ["--base-learning-rate", "inf"],
      ["--base-learning-rate=-1"], ["--weight-decay=-1"], ["--epochs", "0"],
      ["--epochs", "9223372036854775807"], ["--epochs", "9223372036854775808"],
      ["--base-tau", "2"], ["--checkpoint-every-seconds", "nan"], ["--seed", "-1"],
      ["--warmup-epochs", "-inf"], ["--augmentations.second.hue", "0.6"],
      ["--augmentations.first.crop-area", "0.9,0.1"], ["--precision", "float8"],
    ])
  func `a value outside its limits is one sentence, exit 64, and nothing is written`(
    flags: [String]
  ) throws {
    let bench = try Workbench()
    let result = try bench.train(flags, size: [])
    #expect(result.status == 64)
    let lines = result.text.split(separator: "\n")
    let flag = flags[0].prefix { $0 != "=" }
    #expect(lines.count == 1 && result.text.hasPrefix("Error: \(flag): "), "\(result.text)")
    #expect(result.text.contains("; allowed: auto, "))
    #expect(!bench.outputExists)
  }

  @Test func `a refused batch leaves nothing that the corrected line is refused for`() throws {
    let bench = try Workbench()
    let refused = try bench.train(["--batch-size", "21"])
    #expect(
      refused.status == 64
        && refused.text.contains("--batch-size: 21 was given; allowed: at most 20"))
    #expect(!FileManager.default.fileExists(atPath: bench.output + "/recipe.json"))
    let corrected = try bench.train(["--batch-size", "8"])
    #expect(corrected.status == 0 && corrected.text.contains("Done."), "\(corrected.text)")
  }

  @Test func `the same line goes on, and a flag that contradicts the run is named`() throws {
    let bench = try Workbench()
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
    let same = try bench.train(["--batch-size", "8"])
    #expect(same.status == 0 && same.text.contains("Going on after step 5."), "\(same.text)")
    let recipe = try bench.text(of: "recipe.json")
    let other = try bench.train(["--batch-size", "8", "--seed", "1"])
    #expect(
      other.status == 64 && other.text.contains("--seed 1 contradicts its 0;"), "\(other.text)")
    #expect(!other.text.contains("--batch-size"))
    #expect(try bench.text(of: "recipe.json") == recipe)
  }

  @Test func `before the first checkpoint other flags make the recipe anew`() throws {
    let bench = try Workbench()
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
    try FileManager.default.removeItem(atPath: bench.output + "/checkpoints")
    let again = try bench.train(["--batch-size", "10"])
    #expect(again.status == 0 && again.text.contains("no checkpoint yet"), "\(again.text)")
    #expect(try bench.text(of: "recipe.json").contains("\"batch_size\":10,"))
  }

  @Test func `a recipe.json that was changed is held to the limits`() throws {
    let bench = try Workbench()
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
    let recipe = try bench.text(of: "recipe.json")
    for (name, value) in [("batch_size", "0"), ("width", "99"), ("epochs", "9223372036854775807")] {
      let member = try Regex("\"\(name)\":[0-9.]+")
      try bench.write(recipe.replacing(member, with: "\"\(name)\":\(value)"), to: "recipe.json")
      let result = try bench.train([], size: [])
      #expect(result.status == 64 && result.text.contains("\(name) is \(value)"), "\(result.text)")
    }
  }

  @Test func `pictures that are not read again are spoken of`() throws {
    let bench = try Workbench()
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
    let missing = try bench.train(["--batch-size", "8"], pictures: bench.folder.path + "/none")
    #expect(
      missing.status == 64 && missing.text.contains("/none: There is no folder and no archive"))
    try Data(pictureArchive(count: 48)).write(to: URL(fileURLWithPath: bench.pictures))
    let more = try bench.train(["--batch-size", "8"])
    #expect(more.status == 0 && more.text.contains("has changed since"), "\(more.text)")
    let elsewhere = bench.folder.path + "/elsewhere.tar"
    try FileManager.default.copyItem(atPath: bench.pictures, toPath: elsewhere)
    let other = try bench.train(["--batch-size", "8"], pictures: elsewhere)
    #expect(
      other.status == 0 && other.text.contains("--pictures is now \(elsewhere)"), "\(other.text)")
  }

  @Test func `an output that cannot be written to is told in a sentence`() throws {
    let bench = try Workbench()
    try Data().write(to: URL(fileURLWithPath: bench.output))
    let file = try bench.train([])
    #expect(file.status == 64 && file.text.contains("is a file; it must be a folder"))
    #expect(file.text.split(separator: "\n").count == 1)
    let nowhere = try ServiceProcess.run([
      "train", "--pictures", bench.pictures, "--output", "/proc/none/run",
    ])
    #expect(nowhere.status == 1)
    #expect(
      nowhere.text
        == "Error: --output /proc/none/run cannot be written: No such file or directory.\n")
  }

  @Test func `a run begins with a model's encoder, and says what does not fit`() throws {
    let (first, second) = (try Workbench(), try Workbench())
    #expect(try first.train([]).status == 0)
    let model = try first.model()
    #expect(FileManager.default.fileExists(atPath: first.output + "/best/model.safetensors"))

    let other = try second.train(["--init-from", model, "--architecture", "resnet34"])
    #expect(other.status == 64 && other.text.contains("layer1.2."), "\(other.text)")
    let begun = try second.train(["--init-from", model])
    #expect(begun.status == 0, "\(begun.text)")
    let kept = try Data(contentsOf: URL(filePath: second.output + "/initial.safetensors"))
    #expect(kept == (try Data(contentsOf: URL(filePath: model))))
    // It goes on with the same line, and not with another beginning.
    #expect(try second.train(["--init-from", model]).status == 0)
    let contradiction = try first.train(["--init-from", model])
    #expect(contradiction.status == 64 && contradiction.text.contains("did not begin with"))
    let missing = try second.train(["--init-from", "/nowhere"])
    #expect(missing.status != 0 && missing.text.contains("--init-from /nowhere"))
  }

  @Test func `a folder that another process trains in is not waited for`() throws {
    let bench = try Workbench()
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
    let lock = bench.output + "/training.lock"
    let holder = Process()
    holder.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
    holder.arguments = [lock, "cat"]
    let input = Pipe()
    let output = Pipe()
    holder.standardInput = input
    holder.standardOutput = output
    try holder.run()
    // What comes back through the lock's holder was sent before: from then on it holds the lock.
    try input.fileHandleForWriting.write(contentsOf: Data("x".utf8))
    #expect(output.fileHandleForReading.availableData == Data("x".utf8))
    let refused = try bench.train(["--batch-size", "8"])
    try input.fileHandleForWriting.close()
    holder.waitUntilExit()
    #expect(
      refused.status == 1 && refused.text.hasPrefix("Error: Another `byol train`"),
      "\(refused.text)")
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
  }

  @Test func `a source without pictures is told with its reasons counted`() throws {
    let text = Array("no picture".utf8)
    let bench = try Workbench([("a.jpg", text), ("b.jpg", text), ("notes.txt", text)])
    let result = try bench.train([])
    #expect(result.status == 1)
    #expect(
      result.text.contains("of 3 entries: 2 unsupported_format, such as a.jpg: "), "\(result.text)")
    #expect(result.text.contains("; 1 skipped as not a picture, such as notes.txt."))
  }

  @Test func `a file that cannot be embedded does not keep the others from it`() throws {
    let bench = try Workbench()
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
    let files = try ["a", "b"].enumerated().map { index, name in
      let path = "\(bench.folder.path)/\(name).png"
      let picture = try DemoPictures(seed: 9, side: 32).picture(at: index).png()
      try Data(picture).write(to: URL(fileURLWithPath: path))
      return path
    }
    let words = [files[0], bench.folder.path + "/missing.png", bench.folder.path, files[1]]
    let result = try ServiceProcess.run(["embed", "--model", bench.model()] + words)
    #expect(result.status == 1)
    let lines = try result.text.split(separator: "\n").map { line in
      try #require(JSONValue(parsing: Array(line.utf8)).objectValue)
    }
    #expect(lines.map { $0["file"] } == words.map { .string($0) })
    #expect(lines.map { $0["embedding"] != nil } == [true, false, false, true])
    #expect(lines[1]["error"]?.objectValue?["code"] == "unreadable")
  }

  @Test func `a model is exported as an ONNX file, which is replaced only on request`() throws {
    let bench = try Workbench()
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
    let (model, output) = (try bench.model(), bench.folder.path + "/model.onnx")
    func export(_ words: [String]) throws -> (status: Int32, text: String) {
      try ServiceProcess.run(["export", "--model"] + words)
    }
    let first = try export([model, "-o", output])
    #expect(first.status == 0, "\(first.text)")
    let contents = try Data(contentsOf: URL(filePath: output))
    #expect(contents.count > 100_000 && first.text.contains("\(contents.count) bytes"))
    let again = try export([model, "--output", output, "--preprocessing"])
    #expect(again.status == 64 && again.text.contains("exists; --force replaces it"))
    #expect(try Data(contentsOf: URL(filePath: output)) == contents)
    let forced = try export([model, "--output", output, "--preprocessing", "--force"])
    #expect(forced.status == 0, "\(forced.text)")
    #expect(try Data(contentsOf: URL(filePath: output)) != contents)
    let folder = try export([model, "-o", bench.folder.path, "--force"])
    #expect(folder.status == 64 && folder.text.contains("is a folder"))
    let nowhere = try export([model, "-o", "/proc/none/model.onnx"])
    #expect(
      nowhere.status == 1 && nowhere.text.contains("cannot be written: No such file or directory"))
    let none = try export([bench.pictures, "-o", bench.folder.path + "/other.onnx"])
    #expect(none.status == 1 && none.text.contains("is not a safetensors file"), "\(none.text)")
    #expect(!FileManager.default.fileExists(atPath: bench.folder.path + "/other.onnx"))
  }

  @Test func `evaluation judges by val where there is no test, and names each k as asked`() throws {
    let demo = DemoPictures(seed: 7, side: 32)
    let files = try (0..<48).map { index in
      let split = index % 3 == 0 ? "val" : "train"
      let name = "\(split)/\(demo.kind(at: index).rawValue)/\(index).png"
      return (name: name, bytes: try demo.picture(at: index).png())
    }
    let bench = try Workbench(files)
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
    let result = try ServiceProcess.run([
      "evaluate", "--model", bench.model(), "--dataset", bench.output + "/dataset", "--json",
      "--threads", "1", "--protocols", "knn-200,knn-300,knn-200,sgd",
    ])
    #expect(result.status == 0, "\(result.text)")
    // The text holds standard error too: lines of progress come before.
    let last = try #require(result.text.split(separator: "\n").last)
    let report = try #require(JSONValue(parsing: Array(last.utf8)).objectValue)
    let pictures = try #require(report["pictures"]?.objectValue)
    #expect(pictures["split"] == "val" && pictures["judged"] == 16 && pictures["reference"] == 32)
    let rows = try #require(report["rows"]?.arrayValue).compactMap(\.objectValue)
    #expect(
      rows.map { $0["subject"] }
        == ["model", "random_network", "image_statistics", "whitened_patches", "projected_patches"])
    for row in rows {
      let names = row["accuracies"]?.arrayValue?.map { $0.objectValue?["protocol"] }
      #expect(names == ["knn-200", "knn-300", "sgd"])
      let found = row["accuracies"]?.arrayValue?.last?.objectValue
      #expect(found?["crops"] == 8 && found?["learning_rate"] != nil)
    }
    #expect(rows.map { $0["label_free"] != nil } == [true, true, false, false, false])
    #expect(
      report["sentences"]?.arrayValue?.contains(
        "Where k is greater than 32, all reference pictures vote.") == true)
  }

  @Test func `without labels evaluation gives the measures that need none, and says so`() throws {
    let demo = DemoPictures(seed: 7, side: 32)
    let bench = try Workbench(
      try (0..<20).map { (name: "\($0).png", bytes: try demo.picture(at: $0).png()) })
    #expect(try bench.train(["--batch-size", "8"]).status == 0)
    let line = try ["evaluate", "--model", bench.model(), "--dataset", bench.output + "/dataset"]
    let result = try ServiceProcess.run(line + ["--quick", "--threads", "1"])
    #expect(result.status == 0, "\(result.text)")
    for part in [
      "4 pictures of train, held out against 16 others", "LiDAR", "Too few pictures have labels",
    ] {
      #expect(result.text.contains(part), "\(part)")
    }
    #expect(!result.text.contains("k-NN (20)"))
  }

  @Test(arguments: ["", "knn-0", "knn-20,", "cosine", "SGD", "sgd,"])
  func `protocols that are none are refused before anything is read`(names: String) throws {
    let result = try ServiceProcess.run([
      "evaluate", "--model", "none", "--dataset", "none", "--protocols", names,
    ])
    #expect(result.status == 64)
  }

  @Test func `the help lists every flag with its limits and its default`() throws {
    let help = try ServiceProcess.run(["train", "--help"]).text
    for line in [
      "--batch-size <2 … 4096 pictures>", "--momentum <0 … 0.9999>",
      "--optimizer <lars | sgd | adamw>",
      "--augmentations.second.crop-area <number,number, each 0.01 … 1>", "default: cosine",
    ] {
      #expect(help.contains(line), "\(line)")
    }
  }
}
