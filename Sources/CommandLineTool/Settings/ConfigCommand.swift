import ArgumentParser
import Foundation
import JSONTree

/// `byol config`: the settings that `byol serve` would have.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Print the settings of byol serve, each with its source.",
    discussion: """
      Takes the options of `byol serve`. A setting is what the command line says, else the environment (BYOL_ and the name in \
      capitals, with _ for -), else the file of --config, else the default. What is printed can be used as a file.
      """)

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(parsing: .allUnrecognized, help: "Options of byol serve.")
  var options: [String] = []

  func run() throws {
    let environment = ProcessInfo.processInfo.environment
    let settings: Settings
    do throws(SettingsError) {
      settings = try Settings.ofService(arguments: options, environment: environment)
    } catch { throw refusal(error.description) }
    do {
      _ = try ServeCommand.parse(settings.arguments + options)
    } catch {
      for line in settings.origins(namedIn: ServeCommand.fullMessage(for: error)) { say(line) }
      throw refusal(ServeCommand.message(for: error))
    }
    print(json ? settings.jsonText : settings.yamlText)
    let known = SettingOption.all(of: ServeCommand.self)
    for line in Settings.unknownVariables(in: environment, options: known) { say("Note: \(line)") }
  }
}

extension Settings {
  /// A line for each, in YAML, with the source as a comment.
  var yamlText: String {
    settings.filter { $0.option.name != Self.fileOption }.map { setting in
      let name = setting.option.name
      let from = "# \(setting.source.name)"
      guard !setting.values.isEmpty else { return "# \(name):  \(from): none" }
      let note = setting.source == .defaultValue ? from : "\(from): \(setting.origin)"
      guard !setting.option.isSecret else { return "# \(name): hidden  \(note)" }
      let values = setting.values.map { JSONValue.string($0).description }
      let text =
        setting.option.isRepeating ? "[\(values.joined(separator: ", "))]" : values[0]
      return "\(name): \(text)  \(note)"
    }.joined(separator: "\n")
  }

  /// The same as JSON.
  var jsonText: String {
    let list = settings.map { setting -> JSONValue in
      let values = setting.values.map { JSONValue.string(setting.option.isSecret ? "hidden" : $0) }
      return [
        "name": .string(setting.option.name), "variable": .string(setting.option.variable),
        "value": setting.option.isRepeating ? .array(values) : values.last ?? .null,
        "source": .string(setting.source.name), "origin": .string(setting.origin),
      ]
    }
    return String(decoding: (["settings": .array(list)] as JSONValue).encoded, as: UTF8.self)
  }
}
