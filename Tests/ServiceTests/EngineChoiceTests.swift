import Testing

/// `--engine`, as the real binary takes it.
@Suite struct EngineChoiceTests {
  /// The tiny update that is planned.
  private static let plan = ["plan", "--size", "16", "--batch", "2", "--width", "0.25"]

  @Test func `the reference plans the same update, one step per node`() throws {
    let (status, text) = try ServiceProcess.run(Self.plan + ["--engine", "reference"])
    #expect(status == 0)
    let counts = text.split(separator: "\n").reduce(into: [String: Int]()) { counts, line in
      let words = line.split(separator: " ")
      if words.count >= 3, let count = Int(words[1]) { counts[String(words[0])] = count }
    }
    #expect(counts["convolution"] == 80 && counts["optimizerUpdate"] == 70)
    // Leaves are nodes; of layouts it knows one.
    #expect(counts["variable"] != nil && counts["reorder"] == nil)
    // Its only precision is what `auto` means.
    #expect(text.contains("float32"))
  }

  @Test func `the reference computes`() throws {
    let (status, text) = try ServiceProcess.run([
      "benchmark", "encoder", "--engine", "reference", "--encoder", "resnet18", "--size", "32",
      "--batch", "1", "--streams", "1", "--seconds", "0", "--json",
    ])
    #expect(status == 0 && text.contains("\"precision\":\"float32\""), "\(text)")
  }

  @Test(arguments: [
    plan, ["train", "--pictures", "/nowhere", "--output", "/nowhere"], ["serve"],
    ["embed", "--model", "/nowhere", "/nowhere"],
  ])
  func `an engine that does not exist is refused with the names of those that do`(
    _ arguments: [String]
  ) throws {
    let (status, text) = try ServiceProcess.run(arguments + ["--engine", "abacus"])
    #expect(status != 0)
    #expect(["abacus", "onednn", "reference"].allSatisfy(text.contains), "\(text)")
  }

  @Test(arguments: ["any": ["avx2", "avx512"], "avx2": ["avx512"], "avx512": ["bf16"]])
  func `a process that is limited to a lower family plans no kernel that this lacks`(
    _ family: String, _ lacking: [String]
  ) throws {
    let plan = ["plan", "--size", "32", "--batch", "8", "--width", "0.5", "--steps"]
    let (status, text) = try ServiceProcess.run(plan + ["--processor", family])
    #expect(status == 0 && text.contains("float32"), "\(text)")
    for kernel in lacking { #expect(!text.contains(kernel), "\(text)") }
    // Negative control: on its own family each machine plans kernels of that family.
    let own = try ServiceProcess.run(plan).1
    if own.contains("bfloat16") { #expect(own.contains("avx512")) }
  }

  @Test func `a family that does not exist is refused with those that do`() throws {
    let (status, text) = try ServiceProcess.run(Self.plan + ["--processor", "pentium"])
    #expect(status != 0)
    #expect(["pentium", "avx2", "avx512-bf16"].allSatisfy(text.contains), "\(text)")
  }

  @Test func `a precision that the engine lacks is refused with those that it has`() throws {
    let (status, text) = try ServiceProcess.run(
      Self.plan + ["--engine", "reference", "--precision", "bfloat16"])
    #expect(status != 0)
    #expect(
      text.contains("The engine reference does not compute in bfloat16 on this machine"), "\(text)")
    #expect(text.contains("auto or float32"), "\(text)")
  }
}
