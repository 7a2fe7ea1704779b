import ArgumentParser

extension Settings {
  /// The settings that `byol serve` would have with these arguments.
  ///
  /// - Throws: `SettingsError`.
  static func ofService(
    arguments: [String], environment: [String: String]
  ) throws(SettingsError) -> Settings {
    let options = SettingOption.all(of: ServeCommand.self)
    let path = try Settings(
      options: options.filter { $0.name == fileOption }, arguments: arguments,
      environment: environment, file: nil
    ).settings.first?.values.last
    var file: SettingsFile?
    if let path { file = try SettingsFile(reading: path) }
    return try Settings(
      options: options, arguments: arguments, environment: environment, file: file)
  }

  /// The settings of another command: of its options, the data folder alone is one.
  ///
  /// - Throws: `SettingsError`.
  static func ofDataFolder(
    of command: any ParsableCommand.Type, arguments: [String], environment: [String: String]
  ) throws(SettingsError) -> Settings {
    let service = SettingOption.all(of: ServeCommand.self).first { $0.name == "data" }
    let options = SettingOption.all(of: command).filter { $0 == service }
    return try Settings(
      options: options, arguments: arguments, environment: environment, file: nil)
  }

  /// The words of a command line, the first being a command's name, with what the environment and a file say for `byol serve`, and
  /// the data folder for every command that has one.
  ///
  /// - Throws: `SettingsError`.
  static func completed(
    _ words: [String], environment: [String: String]
  ) throws(SettingsError) -> (words: [String], settings: Settings?) {
    guard let (command, depth) = commandNamed(in: words), !isHelp(words) else {
      return (words, nil)
    }
    let rest = Array(words.dropFirst(depth))
    let settings =
      command == ServeCommand.self
      ? try ofService(arguments: rest, environment: environment)
      : try ofDataFolder(of: command, arguments: rest, environment: environment)
    return (words.prefix(depth) + settings.arguments + rest, settings)
  }

  /// The command that the first words name, and how many they are.
  private static func commandNamed(
    in words: [String]
  ) -> (command: any ParsableCommand.Type, depth: Int)? {
    var found: (any ParsableCommand.Type)?
    var depth = 0
    var candidates = Byol.configuration.subcommands
    for word in words {
      guard let next = candidates.first(where: { $0._commandName == word }) else { break }
      (found, candidates) = (next, next.configuration.subcommands)
      depth += 1
    }
    return found.map { ($0, depth) }
  }

  /// Whether help is asked for, which no setting may stand in the way of.
  private static func isHelp(_ words: [String]) -> Bool {
    words.contains { ["-h", "--help", "-help", "--experimental-dump-help"].contains($0) }
  }
}
