public import Foundation

/// The Python interpreter that `BYOL_PYTHON` names, for tests beside independent programs.
public enum PythonInterpreter {
  /// Its path; nil where none is named.
  public static let path = ProcessInfo.processInfo.environment["BYOL_PYTHON"]

  /// Whether it is named and has all of these modules.
  public static func has(_ modules: String...) -> Bool {
    let script =
      "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))"
    return output(["-c", script] + modules) != nil
  }

  /// Runs it: its exit status and what it prints, with `errors` on standard error too. Nil where none is named, or it cannot be
  /// started.
  public static func run(
    _ arguments: [String], errors: Bool = false
  ) -> (status: Int32, output: Data)? {
    guard let path else { return nil }
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    process.standardOutput = pipe
    if errors { process.standardError = pipe }
    guard (try? process.run()) != nil else { return nil }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, data)
  }

  /// What it prints, or nil where it ends with an error.
  public static func output(_ arguments: [String]) -> Data? {
    run(arguments).flatMap { $0.status == 0 ? $0.output : nil }
  }
}
