import Recipes

/// A setting with where its value comes from.
struct Setting: Equatable {
  /// Where a value comes from, the first that has one: the command line, the environment, the file, the default.
  enum Source: Equatable {
    case commandLine
    case environment
    case file(path: String)
    case defaultValue

    var name: String {
      switch self {
      case .commandLine: "flag"
      case .environment: "environment"
      case .file: "file"
      case .defaultValue: "default"
      }
    }
  }

  var option: SettingOption
  /// The values; for a flag `true` or `false`. Empty where there is none.
  var values: [String]
  var source: Source

  /// The source for people.
  var origin: String {
    switch source {
    case .commandLine: "--\(option.name)"
    case .environment: option.variable
    case .file(let path): path
    case .defaultValue: "the default"
    }
  }

  /// The words that hand it to the argument parser; none where the parser has it already.
  var arguments: [String] {
    guard source == .environment || isFromFile else { return [] }
    if option.isFlag { return values == ["true"] ? ["--" + option.name] : [] }
    return values.map { "--\(option.name)=\($0)" }
  }

  private var isFromFile: Bool {
    if case .file = source { true } else { false }
  }
}

/// The settings of a command: for each option, what the command line says, else the environment, else a file, else the default.
///
/// What comes from the environment and the file is handed to the argument parser as if it had been typed, so that it is checked
/// as flags are, by the same code.
struct Settings {
  var settings: [Setting]

  /// The name of the option that names the file.
  static let fileOption = "config"

  /// Puts the sources together.
  ///
  /// - Throws: `SettingsError`: for a key of the file that is no setting, a flag that is neither true nor false.
  init(
    options: [SettingOption], arguments: [String], environment: [String: String],
    file: SettingsFile?
  ) throws(SettingsError) {
    let given = Self.given(arguments, options)
    if let file {
      let names = options.map(\.name).filter { $0 != Self.fileOption }
      for entry in file.entries where !names.contains(entry.name) {
        throw .unknown(
          key: entry.name, path: file.path, nearest: nearestName(to: entry.name, among: names))
      }
    }
    settings = []
    for option in options {
      settings.append(
        try Self.setting(option, given: given[option.name], environment: environment, file: file))
    }
  }

  private static func setting(
    _ option: SettingOption, given: [String]?, environment: [String: String], file: SettingsFile?
  ) throws(SettingsError) -> Setting {
    if let given { return Setting(option: option, values: given, source: .commandLine) }
    if let text = environment[option.variable] {
      let values = option.isRepeating ? split(text) : [text]
      return try checked(Setting(option: option, values: values, source: .environment))
    }
    if let file, let entry = file.entries.first(where: { $0.name == option.name }) {
      let setting = Setting(option: option, values: entry.values, source: .file(path: file.path))
      guard option.isRepeating || !entry.isList else {
        throw .severalValues(name: option.name, origin: file.path)
      }
      return try checked(setting)
    }
    let value = option.defaultValue ?? (option.isFlag ? "false" : nil)
    return Setting(option: option, values: value.map { [$0] } ?? [], source: .defaultValue)
  }

  /// A variable's value as a list: separated by commas.
  private static func split(_ text: String) -> [String] {
    text.split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }
  }

  private static func checked(_ setting: Setting) throws(SettingsError) -> Setting {
    guard setting.option.isFlag else { return setting }
    let value = setting.values.first ?? ""
    guard ["true", "false"].contains(value) else {
      throw .notTrueOrFalse(name: setting.option.name, given: value, origin: setting.origin)
    }
    return setting
  }

  /// The values on a command line by the names of their options.
  private static func given(
    _ arguments: [String], _ options: [SettingOption]
  ) -> [String: [String]] {
    var found: [String: [String]] = [:]
    let words = Array(arguments.prefix { $0 != "--" })
    for (place, word) in words.enumerated() where word.hasPrefix("--") {
      let name = word.dropFirst(2).prefix { $0 != "=" }
      guard let option = options.first(where: { $0.name == name }) else { continue }
      let value =
        option.isFlag
        ? "true"
        : word.contains("=")
          ? String(word.drop { $0 != "=" }.dropFirst())
          : place + 1 < words.count ? words[place + 1] : ""
      found[option.name, default: []].append(value)
    }
    return found
  }
}

extension Settings {
  /// The words that hand the environment's and the file's values to the argument parser.
  var arguments: [String] { settings.flatMap(\.arguments) }

  /// A sentence for each setting that a message of the argument parser names and that was not typed.
  func origins(namedIn message: String) -> [String] {
    settings.filter { setting in
      !setting.arguments.isEmpty && message.contains("--\(setting.option.name)")
    }.map { "--\($0.option.name) was set by \($0.origin)." }
  }

  /// Sentences about variables that look like settings and are none. They are no errors: orchestrators make variables of the
  /// names of services.
  static func unknownVariables(
    in environment: [String: String], options: [SettingOption]
  ) -> [String] {
    let known = Set(options.map(\.variable))
    return environment.keys.sorted().filter { name in
      name.hasPrefix("BYOL_") && !known.contains(name)
        && !otherVariables.contains(where: name.hasPrefix)
    }.map { name in
      let near = nearestName(to: name, among: known.sorted())
      return "\(name) is no setting and was not read"
        + (near.map { "; did you mean \($0)?" } ?? ".")
    }
  }

  /// Beginnings of variables that others read: builds and tests.
  private static let otherVariables = [
    "BYOL_COMMIT", "BYOL_TEST_", "BYOL_PYTHON", "BYOL_SLOW_TESTS", "BYOL_FAULT_", "BYOL_TINY_DISK",
    "BYOL_WRITE_DOCUMENTS",
  ]
}

extension String {
  /// Without blanks at both ends.
  fileprivate var trimmed: String {
    let start = drop { $0 == " " }
    return String(start.reversed().drop { $0 == " " }.reversed())
  }
}
