import Foundation
import JSONTree
import Testing

/// The commands that measure and plan, as the real binary runs them.
@Suite struct MeasurementTests {
  /// Steps by operation of one update of ResNet-18, whatever the processor: forward passes of two networks on
  /// two views, gradients of one, the optimizer, the target.
  static let golden: [String: Int] = [
    "convolution": 80, "convolutionWeightGradient": 40, "convolutionInputGradient": 38,
    "batchNormalization": 86, "batchNormalizationGradient": 44, "matrixProduct": 28, "add": 3,
    "optimizerUpdate": 70, "interpolate": 65, "runningAverage": 172, "globalAveragePool": 4,
    "globalAveragePoolGradient": 2,
  ]

  @Test func `the plan of an update is the one that was planned`() throws {
    let (status, text) = try ServiceProcess.run(
      ["plan", "--size", "16", "--batch", "8", "--threads", "1", "--precision", "float32"])
    #expect(status == 0)
    var counts: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count >= 3, let count = Int(words[1]) { counts[String(words[0])] = count }
    }
    for (operation, count) in MeasurementTests.golden {
      #expect(counts[operation] == count, "\(operation)")
    }
    // Of the input no gradient is computed: two convolutions have none of their input.
    #expect(counts["convolutionInputGradient"] == (counts["convolutionWeightGradient"] ?? 0) - 2)
    #expect(text.contains("resnet18, cifar stem, 16 px, batch 8, float32, 1 thread"))
    #expect(text.contains("arena "))
  }

  /// The families of processors whose layouts, and so plans, differ. oneDNN has no fast kernels for others.
  private enum Family: String {
    case avx2, avx512

    /// This machine's, or nil for another.
    static let current: Family? =
      flags.contains("avx512bw") ? .avx512 : flags.contains("avx2") ? .avx2 : nil

    /// What the processor can do, in the words of /proc/cpuinfo.
    static let flags: Set<Substring> = {
      let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
      let line = text.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
      return Set(line.split(separator: " "))
    }()
  }

  @Test(
    .enabled(
      if: Family.current != nil, "golden plans are those of processors with AVX2 or AVX-512"),
    arguments: ["full", "lean"])
  func `the plan in float32 is the golden one of the processor's family`(_ memory: String) throws {
    let family = try #require(Family.current)
    try expectGolden("float32", memory, file: "plan-float32-\(family.rawValue)-\(memory).txt")
  }

  @Test(
    .enabled(
      if: Family.flags.contains("avx512_bf16"), "this processor does not multiply bfloat16"),
    arguments: ["full", "lean"])
  func `the plan in bfloat16 is the golden one`(_ memory: String) throws {
    try expectGolden("bfloat16", memory, file: "plan-bfloat16-\(memory).txt")
  }

  private func expectGolden(_ precision: String, _ memory: String, file: String) throws {
    let (status, text) = try ServiceProcess.run(
      ["plan", "--width", "0.25", "--size", "32", "--batch", "8", "--threads", "1"]
        + ["--precision", precision, "--memory", memory])
    #expect(status == 0)
    let golden = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Golden/\(file)")
    let expected = try String(contentsOf: golden, encoding: .utf8)
    #expect(text == expected, "the plan is not that of \(file)")
  }

  @Test func `a profile accounts for the whole update`() throws {
    let (status, text) = try ServiceProcess.run(
      ["profile", "--size", "16", "--batch", "8", "--width", "0.25", "--updates", "1"])
    #expect(status == 0)
    #expect(text.contains("GFLOP/s") && text.contains("in all"))
  }

  @Test(arguments: [
    ["step", "--size", "16", "--batch", "4", "--width", "0.25", "--precision", "float32"],
    ["encoder", "--encoder", "resnet18", "--size", "32", "--batch", "2", "--precision", "auto"],
  ])
  func `a benchmark prints one line of figures`(_ arguments: [String]) throws {
    let (status, text) = try ServiceProcess.run(
      ["benchmark"] + arguments + ["--threads", "1", "--seconds", "0", "--json"])
    #expect(status == 0)
    let figures = try JSONValue(parsing: Array(text.utf8)).objectValue
    let speed = try #require(figures?["images_per_second"]?.doubleValue)
    #expect(speed > 0)
    #expect(try #require(figures?["peak_memory_bytes"]?.doubleValue) > 1e6)
    #expect(["float32", "bfloat16"].contains(figures?["precision"]?.stringValue))
  }

  @Test func `the benchmark of admission tells how many pictures and how fast`() throws {
    let folder = try FreshFolder()
    let path = folder.path + "/pictures.tar"
    try Data(pictureArchive(count: 12)).write(to: URL(fileURLWithPath: path))
    let (status, text) = try ServiceProcess.run(
      ["benchmark", "admission", "--input", path, "--seconds", "0", "--json"])
    #expect(status == 0)
    let figures = try JSONValue(parsing: Array(text.utf8)).objectValue
    #expect(figures?["pictures"] == 12)
    #expect(try #require(figures?["pictures_per_second"]?.doubleValue) > 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["pictures.tar"])
  }

  @Test(arguments: [
    ["benchmark", "admission", "--input", "/nowhere"],
    ["benchmark", "step", "--precision", "float16"], ["benchmark", "step", "--size", "7000"],
    ["benchmark", "encoder", "--batch", "0"], ["benchmark", "views", "--input", "/nowhere.jpg"],
    ["profile", "--updates", "0"], ["plan", "--width", "9"], ["plan", "--threads", "0"],
  ])
  func `what cannot be measured is refused in words`(_ arguments: [String]) throws {
    let (status, text) = try ServiceProcess.run(arguments)
    #expect(status != 0 && text.contains("Error: "))
  }
}
