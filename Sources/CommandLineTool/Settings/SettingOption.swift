import ArgumentParser
import Foundation

/// An option of a command as a setting: it may also come from the environment or a file.
struct SettingOption: Hashable {
  /// The name of the flag without its dashes, and the key in a file.
  var name: String
  /// Whether it takes no value.
  var isFlag: Bool
  /// Whether it may be given several times.
  var isRepeating: Bool
  /// The value where nobody gives one; nil for none.
  var defaultValue: String?

  /// The environment variable of a name.
  static func variable(_ name: String) -> String {
    "BYOL_" + name.uppercased().replacing("-", with: "_")
  }

  /// The environment variable.
  var variable: String { Self.variable(name) }

  /// Whether the value is not to be shown.
  var isSecret: Bool { ["secret", "password", "token"].contains { name.hasSuffix($0) } }

  /// The options of a command, as the argument parser describes them: they are declared once, there.
  static func all(of command: any ParsableArguments.Type) -> [SettingOption] {
    guard
      let description = try? JSONDecoder().decode(
        Description.self, from: Data(command._dumpHelp().utf8))
    else { return [] }
    return (description.command.arguments ?? []).compactMap { argument in
      guard let name = argument.preferredName?.name, argument.kind != "positional",
        !["help", "version"].contains(name)
      else { return nil }
      return SettingOption(
        name: name, isFlag: argument.kind == "flag", isRepeating: argument.isRepeating,
        defaultValue: argument.defaultValue)
    }
  }

  /// What `--experimental-dump-help` prints, as far as it is read here.
  private struct Description: Decodable {
    struct Command: Decodable { var arguments: [Argument]? }
    struct Name: Decodable { var name: String }
    struct Argument: Decodable {
      var kind: String
      var isRepeating: Bool
      var preferredName: Name?
      var defaultValue: String?
    }
    var command: Command
  }
}
