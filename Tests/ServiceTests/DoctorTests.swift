import Foundation
import JSONTree
import Testing

@testable import CommandLineTool

/// `byol doctor` and `byol --version`.
@Suite struct DoctorTests {
  @Test func `the version names product, version, commit, libraries and processor`() throws {
    let result = try ServiceProcess.run(["--version"])
    #expect(result.status == 0)
    #expect(result.text.hasPrefix("byol \(byolVersion)"))
    for name in ["oneDNN 2.", "OpenBLAS 0.", "OpenSSL 3.", "processor family"] {
      #expect(result.text.contains(name), "\(result.text)")
    }
  }

  @Test func `the contract has the program's version`() throws {
    let contract = try String(contentsOfFile: repositoryPath("openapi.yaml"), encoding: .utf8)
    #expect(contract.contains("\n  version: \(byolVersion)\n"))
    let changes = try String(contentsOfFile: repositoryPath("CHANGELOG.md"), encoding: .utf8)
    #expect(changes.contains("\n## \(byolVersion)"))
  }

  @Test func `a machine in order has nothing to be told`() {
    var reading = MachineReading()
    (reading.cores, reading.availableMemory, reading.openFiles) = (2, 8 << 30, 65_536)
    let findings = reading.findings(family: "avx2", connections: 4096)
    #expect(findings.allSatisfy { $0.verdict == .ok && $0.advice.isEmpty }, "\(findings)")
    #expect(findings.count == 3)
  }

  @Test func `each shortage is told with what to do`() throws {
    var reading = MachineReading()
    (reading.cores, reading.coresAllowed, reading.openFiles) = (8, 1.5, 1024)
    (reading.availableMemory, reading.memoryAllowed) = (8 << 30, 100 << 20)
    let findings = reading.findings(family: "avx2", connections: 4096)
    func finding(_ name: String) throws -> Finding {
      try #require(findings.first { $0.name == name }, "\(name)")
    }
    #expect(try finding("processor share").advice.contains("--threads 1"))
    #expect(try finding("memory").verdict == .fail)
    #expect(try finding("open files").advice.contains("LimitNOFILE=4608"))
    reading.memoryAllowed = 1 << 30
    #expect(
      reading.findings(family: "avx2", connections: 4096).first { $0.name == "memory" }?.verdict
        == .warn)
  }

  @Test func `the kernel's files are read, and missing ones are no fault`() throws {
    let folder = try FreshFolder()
    let root = folder.path + "/"
    func write(_ text: String, _ name: String) throws {
      let url = URL(fileURLWithPath: root + name)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
    #expect(MachineReading(root: root).availableMemory == nil)
    try write("MemTotal: 9 kB\nMemAvailable:    2048 kB\n", "proc/meminfo")
    try write(
      "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  unlimited  files\n",
      "proc/self/limits")
    try write("150000 100000\n", "sys/fs/cgroup/cpu.max")
    try write("1000000\n", "sys/fs/cgroup/memory.max")
    let reading = MachineReading(root: root)
    #expect(reading.availableMemory == 2 << 20 && reading.memoryAllowed == 1_000_000)
    #expect(reading.coresAllowed == 1.5)
    #expect(reading.openFiles == 1024 && reading.openFilesAtMost == .max)
    try write("max 100000\n", "sys/fs/cgroup/cpu.max")
    try write("max\n", "sys/fs/cgroup/memory.max")
    #expect(MachineReading(root: root).coresAllowed == nil)
    #expect(MachineReading(root: root).memoryAllowed == nil)
  }

  @Test func `a port in use and a folder that cannot be made are found by the program`()
    async throws
  {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path + "/data")
    let port = try #require(URL(string: service.address)?.port)
    try Data().write(to: URL(fileURLWithPath: folder.path + "/file"))
    let shared = [
      "--public", repositoryPath("Public"), "--contract", repositoryPath("openapi.yaml"),
    ]
    let bad = try ServiceProcess.run(
      ["doctor", "--json", "--data", folder.path + "/file/data", "--port", "\(port)"] + shared)
    #expect(bad.status == 1)
    func verdict(_ text: String, _ name: String) throws -> String? {
      let checks = try JSONValue(parsing: text).objectValue?["checks"]?.arrayValue ?? []
      let check = checks.first { $0.objectValue?["name"] == .string(name) }
      return check?.objectValue?["verdict"]?.stringValue
    }
    #expect(try verdict(bad.text, "port") == "fail", "\(bad.text)")
    #expect(try verdict(bad.text, "data folder") == "fail", "\(bad.text)")
    // The folder of the service that runs, and its port: nothing is wrong with either.
    let good = try ServiceProcess.run(
      ["doctor", "--json", "--data", folder.path + "/data", "--port", "\(port)"] + shared)
    #expect(try verdict(good.text, "port") == "ok", "\(good.text)")
    #expect(try verdict(good.text, "database") == "ok", "\(good.text)")
    #expect(service.end(SIGTERM) == 0)
  }

  @Test func `settings that cannot be used are the doctor's first finding`() throws {
    let result = try ServiceProcess.run(["doctor", "--config", "/nowhere.yaml"])
    #expect(result.status == 1)
    #expect(result.text.contains("fail  settings: The settings /nowhere.yaml cannot be read"))
  }
}
