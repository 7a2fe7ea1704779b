import Foundation
import JSONTree
import Testing

@testable import CommandLineTool

/// Flag = environment = file, in this order.
@Suite struct SettingsTests {
  private static let options = [
    SettingOption(name: "port", isFlag: false, isRepeating: false, defaultValue: "8080"),
    SettingOption(name: "demo", isFlag: true, isRepeating: false, defaultValue: nil),
    SettingOption(name: "allow-host", isFlag: false, isRepeating: true, defaultValue: nil),
    SettingOption(name: "proxy-password", isFlag: false, isRepeating: false, defaultValue: nil),
  ]

  private func file(_ text: String, _ path: String = "byol.yaml") throws -> SettingsFile {
    try SettingsFile(Array(text.utf8), path: path)
  }

  private func settings(
    _ arguments: [String] = [], _ environment: [String: String] = [:], _ file: SettingsFile? = nil
  ) throws -> Settings {
    try Settings(
      options: Self.options, arguments: arguments, environment: environment, file: file)
  }

  @Test
  func `the flag is stronger than the environment, that than the file, that than the default`()
    throws
  {
    let file = try file("port: 1\ndemo: true\n")
    let all = try settings(["--port=3"], ["BYOL_PORT": "2"], file)
    #expect(all.settings[0].values == ["3"] && all.settings[0].source == .commandLine)
    #expect(all.arguments == ["--demo"])
    let environment = try settings([], ["BYOL_PORT": "2"], file)
    #expect(environment.settings[0].source == .environment)
    #expect(environment.arguments == ["--port=2", "--demo"])
    let fromFile = try settings([], [:], file)
    #expect(fromFile.settings[0].source == .file(path: "byol.yaml"))
    #expect(fromFile.arguments == ["--port=1", "--demo"])
    let nothing = try settings()
    #expect(nothing.settings[0].values == ["8080"] && nothing.settings[0].source == .defaultValue)
    #expect(nothing.arguments.isEmpty)
  }

  @Test func `a flag that the environment says false is not what the file says`() throws {
    let settings = try settings([], ["BYOL_DEMO": "false"], try file("demo: true\n"))
    #expect(settings.arguments.isEmpty)
    #expect(settings.settings[1].values == ["false"])
  }

  @Test func `lists are separated by commas in the environment, and lists in the file`() throws {
    let environment = try settings([], ["BYOL_ALLOW_HOST": "a.example, b.example,"])
    #expect(environment.arguments == ["--allow-host=a.example", "--allow-host=b.example"])
    let yaml = try settings([], [:], try file("allow-host:\n  - c.example\n  - d.example\n"))
    #expect(yaml.arguments == ["--allow-host=c.example", "--allow-host=d.example"])
    let json = try settings(
      [], [:], try file(#"{"allow-host": ["e.example"], "port": 7, "demo": true}"#, "byol.json"))
    #expect(json.arguments == ["--port=7", "--demo", "--allow-host=e.example"])
  }

  @Test(arguments: [
    ("porrt: 1\n", "byol.yaml: porrt is no setting; did you mean port?"),
    ("nothing-like-it: 1\n", "byol.yaml: nothing-like-it is no setting; `byol config` prints"),
    ("demo: yes please\n", "byol.yaml: demo: yes please was given; allowed: true, false."),
    ("port: [1, 2]\n", "byol.yaml: port takes one value, not several."),
    ("port: {a: 1}\n", "port must be a value or a list of values"),
    ("port:\n", "port must be a value or a list of values"),
    ("port: 1\nport: 2\n", "cannot be used"),
    ("- port\n", "it is no mapping of names to values"),
    ("port: \"1\n", "cannot be used"),
  ])
  func `a file that cannot be used is refused in a sentence`(text: String, sentence: String) {
    let error = #expect(throws: SettingsError.self) {
      try self.settings([], [:], try self.file(text))
    }
    #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "")")
  }

  @Test func `a file that is too long, or has a list that is too long, is refused`() throws {
    let long = String(repeating: "# \n", count: SettingsLimits.fileByteCount / 3 + 1)
    let folder = try FreshFolder()
    let path = folder.path + "/byol.yaml"
    try long.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(throws: SettingsError.self) { try SettingsFile(reading: path) }
    let names = (0...SettingsLimits.values).map { "h\($0)" }.joined(separator: ",")
    #expect(throws: SettingsError.self) { try self.file("allow-host: [\(names)]") }
    #expect(throws: SettingsError.unreadable(path: "/nowhere", reason: "No such file or directory"))
    {
      try SettingsFile(reading: "/nowhere")
    }
    // What is allowed reads: the negative control.
    #expect(try file("# nothing\n").entries.isEmpty)
  }

  @Test func `aliases of aliases cost nothing`() {
    let levels = (1..<30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]" }
    let text = (["a0: &a0 [x]"] + levels).joined(separator: "\n")
    let began = ContinuousClock.now
    #expect(throws: SettingsError.self) { try self.file(text) }
    #expect(ContinuousClock.now - began < .seconds(10))
  }

  @Test func `secrets are hidden, and what is printed can be used as a file`() throws {
    let environment = ["BYOL_PROXY_PASSWORD": "hunter2", "BYOL_PORT": "9", "BYOL_ALLOW_HOST": "x"]
    let settings = try settings([], environment)
    #expect(!settings.yamlText.contains("hunter2") && !settings.jsonText.contains("hunter2"))
    let again = try self.settings([], [:], try file(settings.yamlText))
    #expect(again.settings[0].values == ["9"] && again.settings[2].values == ["x"])
  }

  @Test func `variables that are no settings are told, those of tests are not`() {
    let lines = Settings.unknownVariables(
      in: ["BYOL_PROT": "1", "BYOL_TEST_DATA": "x", "BYOL_PORT": "1", "PATH": "x"],
      options: Self.options)
    #expect(lines == ["BYOL_PROT is no setting and was not read; did you mean BYOL_PORT?"])
  }

  @Test func `every option of the service is a setting`() {
    let options = SettingOption.all(of: ServeCommand.self)
    #expect(options.contains { $0.name == "port" && $0.defaultValue == "8080" && !$0.isFlag })
    #expect(options.contains { $0.name == "insecure" && $0.isFlag })
    #expect(options.contains { $0.name == "trusted-proxy" && $0.isRepeating })
    #expect(options.count > 20)
    #expect(Set(options.map(\.variable)).count == options.count)
  }

  @Test func `a value that the parser refuses is told with where it comes from`() throws {
    let folder = try FreshFolder()
    let path = folder.path + "/byol.json"
    try #"{"port": 99999}"#.write(toFile: path, atomically: true, encoding: .utf8)
    let result = try ServiceProcess.run(["serve", "--config", path])
    #expect(result.status == 64)
    #expect(result.text.contains("--port was set by \(path)."))
    let config = try ServiceProcess.run(["config", "--config", path])
    #expect(config.status == 64)
    #expect(config.text.contains("--port was set by \(path)."))
  }

  @Test func `the printed settings name values and sources`() throws {
    let folder = try FreshFolder()
    let path = folder.path + "/byol.yaml"
    try "port: 1234\nlog-level: debug\n".write(toFile: path, atomically: true, encoding: .utf8)
    let result = try ServiceProcess.run([
      "config", "--config", path, "--host", "127.0.0.9", "--json",
    ])
    #expect(result.status == 0, "\(result.text)")
    let list = try #require(
      try JSONValue(parsing: result.text).objectValue?["settings"]?.arrayValue)
    func setting(_ name: String) -> JSONObject? {
      list.first { $0.objectValue?["name"] == .string(name) }?.objectValue
    }
    #expect(setting("port")?["value"] == "1234" && setting("port")?["source"] == "file")
    #expect(setting("host")?["value"] == "127.0.0.9" && setting("host")?["source"] == "flag")
    #expect(setting("loops")?["source"] == "default")
  }
}
