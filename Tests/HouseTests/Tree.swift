import Foundation

/// A small package in a folder of its own that passes every check, for tests that then break one thing.
///
/// Removed with the value's last owner.
final class Tree {
  let root: URL
  private static let scripts = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().appendingPathComponent("../../Scripts").standardizedFileURL

  init() throws {
    root = FileManager.default.temporaryDirectory
      .appendingPathComponent("house-tests-\(UUID().uuidString)")
    for (path, text) in Tree.files { try write(text, to: path) }
  }

  deinit { try? FileManager.default.removeItem(at: root) }

  /// Writes a file, with the folders above it.
  func write(_ text: String, to path: String) throws {
    let file = root.appendingPathComponent(path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: file, atomically: true, encoding: .utf8)
  }

  /// Replaces the only occurrence of a text in a file; false where there is not exactly one.
  func replace(_ old: String, by new: String, in path: String) throws -> Bool {
    let text = try String(
      contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    let parts = text.components(separatedBy: old)
    guard parts.count == 2 else { return false }
    try write(parts.joined(separator: new), to: path)
    return true
  }

  /// Runs a check on the tree: its exit status, and all that it printed.
  func check(_ script: String) throws -> (status: Int32, output: String) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-B"] + arguments(script)
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
  }

  private func arguments(_ script: String) -> [String] {
    let path = Tree.scripts.appendingPathComponent(script).path
    switch script {
    case "layers.py":
      return [
        path, "--root", root.path, "--package", root.appendingPathComponent("package.json").path,
      ]
    case "counts.py": return [path, "check", "--root", root.path]
    default: return [path, "--root", root.path]
    }
  }
}

extension Tree {
  fileprivate static let files = [
    "package.json": package, "ARCHITECTURE.md": architecture,
    "CONTRIBUTING.md": "Run `make lint`.\n", "SECURITY.md": security,
    "Makefile": "lint: ## check\n\ttrue\n",
    "openapi.yaml": "info:\n  version: 1.2.3\n",
    "CHANGELOG.md": "# Changes\n\n## 1.2.3, unreleased\n",
    "docs/limits.md":
      "| limit | default | beyond |\n|---|---|---|\n| `Limits.bodyBytes` | 1,024 bytes | 413 |\n",
    "docs/decisions/0001-first.md": "# 1\n## Context\n## Decision\n## Consequences\n",
    "Scripts/packages.txt": "libpaper-dev  CPaper\n", "Scripts/unsafe-counts.txt": "Ink 1\n",
    "Sources/CPaper/shim.h": "void fold(void);\n",
    "Sources/Ink/Ink.swift":
      "import CPaper\npublic struct Pen {\n  public func draw() { unsafe fold() }\n}\n",
    "Sources/HTTP/Limits.swift":
      "import Ink\npublic struct Limits {\n  public var bodyBytes = 1 << 10\n}\n",
    "Sources/Ink/Version.swift": "let byolVersion = \"1.2.3\"\n",
    "Tests/InkTests/InkTests.swift": tests,
  ]

  /// The settings that every Swift target must have, as `swift package dump-package` prints them.
  static let strict = """
    [{"tool": "swift", "kind": {"strictMemorySafety": {}}}, \
    {"tool": "swift", "kind": {"treatAllWarnings": {"_0": "error"}}}, \
    {"tool": "swift", "kind": {"swiftLanguageMode": {"_0": "6"}}}, \
    {"tool": "swift", "kind": {"enableUpcomingFeature": {"_0": "ExistentialAny"}}}, \
    {"tool": "swift", "kind": {"enableUpcomingFeature": {"_0": "MemberImportVisibility"}}}, \
    {"tool": "swift", "kind": {"enableUpcomingFeature": {"_0": "InternalImportsByDefault"}}}, \
    {"tool": "swift", "kind": {"enableUpcomingFeature": {"_0": "NonisolatedNonsendingByDefault"}}}]
    """

  private static let security = """
    See [it](ARCHITECTURE.md).

    | who could do what | what holds | tests |
    |---|---|---|
    | somebody spills ink | the pen | `InkTests: a pen draws` |

    """

  private static let package = """
    {"targets": [
      {"name": "CPaper", "type": "system", "dependencies": [],
       "providers": [{"apt": [["libpaper-dev"]]}]},
      {"name": "Ink", "type": "regular", "settings": \(strict), "dependencies": [{"byName": ["CPaper", null]}]},
      {"name": "HTTP", "type": "regular", "settings": \(strict), "dependencies": [{"byName": ["Ink", null]}]},
      {"name": "InkTests", "type": "test", "settings": \(strict), "dependencies": [{"byName": ["Ink", null]}]}
    ]}
    """

  private static let architecture = """
    The first of all is `Pen.draw`, in `Sources/Ink/Ink.swift`.

    | C target | what it is | Swift importer |
    |---|---|---|
    | `CPaper` | paper | `Ink` |

    | target | one sentence | imports |
    |---|---|---|
    | `Ink` | draws | `CPaper` |
    | `HTTP` | serves | `Ink` |

    """

  private static let tests = """
    import Ink
    import Testing

    func checkPen() { #expect(Bool(true)) }

    @Test func `a pen draws`() { #expect(Bool(true)) }

    @Test func `a pen is checked`() { checkPen() }

    @Test(.enabled(if: true, "needs a pen that is full"))
    func `a full pen draws`() { #expect(Bool(true)) }

    """
}
