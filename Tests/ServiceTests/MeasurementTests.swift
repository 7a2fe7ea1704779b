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
    // A processor with a matrix unit chooses other kernels: it is taken for one without.
    let family = precision == "bfloat16" ? ["--processor", "avx512-bf16"] : []
    let (status, text) = try ServiceProcess.run(
      ["plan", "--width", "0.25", "--size", "32", "--batch", "8", "--threads", "1"]
        + ["--precision", precision, "--memory", memory] + family)
    #expect(status == 0)
    let golden = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Golden/\(file)")
    let expected = try String(contentsOf: golden, encoding: .utf8)
    // The workspace of float32's kernels, and so the bytes in all, depend on the sizes of the caches.
    func comparable(_ plan: String) -> Substring {
      guard precision == "float32", let total = plan.range(of: "MiB, in all ") else {
        return plan[...]
      }
      return plan[..<total.lowerBound]
    }
    #expect(comparable(text) == comparable(expected), "the plan is not that of \(file)")
  }

  @Test func `a profile accounts for the whole update`() throws {
    let (status, text) = try ServiceProcess.run(
      ["profile", "--size", "16", "--batch", "8", "--width", "0.25", "--updates", "1"])
    #expect(status == 0)
    #expect(text.contains("GFLOP/s") && text.contains("in all"))
  }

  /// A name tells its unit: pictures per second, seconds of one call, bytes.
  @Test(
    arguments: [
      (
        4, "step_seconds", ["precision"],
        ["step", "--size", "16", "--batch", "4", "--width", "0.25", "--precision", "float32"]
      ),
      (
        2, "call_seconds", ["precision", "streams"],
        ["encoder", "--encoder", "resnet18", "--size", "32", "--batch", "2", "--precision", "auto"]
      ),
    ] as [(Int, String, [String], [String])])
  func `a benchmark prints one line of figures that agree`(
    batch: Int, secondsName: String, besides: [String], _ arguments: [String]
  ) throws {
    let began = ContinuousClock.now
    let (status, text) = try ServiceProcess.run(
      ["benchmark"] + arguments + ["--threads", "1", "--seconds", "0", "--json"])
    let elapsed = (ContinuousClock.now - began) / .seconds(1)
    #expect(status == 0)
    #expect(text.hasSuffix("}\n") && text.count { $0.isNewline } == 1, "\(text)")
    let figures = try #require(try JSONValue(parsing: Array(text.utf8)).objectValue)
    let names = ["images_per_second", secondsName, "peak_memory_bytes"] + besides
    #expect(Set(figures.names) == Set(names))
    let speed = try #require(figures["images_per_second"]?.doubleValue)
    let seconds = try #require(figures[secondsName]?.doubleValue)
    // On one thread one call is computed at a time, so its pictures over its seconds are the speed.
    #expect(abs(speed * seconds - Double(batch)) < 1e-9 * Double(batch), "\(text)")
    // Of five calls, two of them to warm up, the median and a longer one fit in the life of the process.
    #expect(seconds > 0 && 2 * seconds < elapsed, "\(text) in \(elapsed) s")
    // A process holds some MiB, and no machine of the tests has a TiB.
    let memory = try #require(figures["peak_memory_bytes"]?.doubleValue)
    #expect((4e6..<1e12).contains(memory) && memory.truncatingRemainder(dividingBy: 1024) == 0)
    #expect(["float32", "bfloat16"].contains(figures["precision"]?.stringValue))
  }

  /// In words, with as many digits as are printed.
  @Test func `a benchmark in words tells its units`() throws {
    let (status, text) = try ServiceProcess.run(
      ["benchmark", "step", "--size", "16", "--batch", "4", "--width", "0.25"]
        + ["--precision", "float32", "--threads", "1", "--seconds", "0"])
    #expect(status == 0)
    let line = /.*: ([0-9]+\.[0-9]) img\/s, ([0-9]+\.[0-9]{3}) s .*, ([0-9]+) MiB at most\n/
    let match = try #require(try line.wholeMatch(in: text), "\(text)")
    let (speed, seconds) = (try #require(Double(match.1)), try #require(Double(match.2)))
    // Each figure is off by half of its last digit at most.
    let product = (speed - 0.05) * (seconds - 0.0005)...(speed + 0.05) * (seconds + 0.0005)
    #expect(product.contains(4), "\(text)")
    #expect(try #require(Int(match.3)) > 4)
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
    #expect(text.hasSuffix("}\n") && text.count { $0.isNewline } == 1, "\(text)")
    let speed = try #require(figures?["pictures_per_second"]?.doubleValue)
    let seconds = try #require(figures?["seconds"]?.doubleValue)
    #expect(seconds > 0 && abs(speed * seconds - 12) < 1e-9 * 12, "\(text)")
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
