import Foundation
import Testing

/// `docs/byol.md` against the sources.
@Suite("docs/byol.md")
struct DocumentationTests {
  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The rows of the table of functions: a file, and the names it must hold.
  private static func rows(of text: String) -> [(file: String, names: [String])] {
    text.split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 4, cells[2].hasPrefix("`Sources/") else { return nil }
      let names = cells[3].split(separator: ",").map { $0.trimmingCharacters(in: [" ", "`"]) }
      return (cells[2].trimmingCharacters(in: ["`"]), names)
    }
  }

  /// The names that no declaration in the file has.
  private static func missing(_ row: (file: String, names: [String])) throws -> [String] {
    let source = try String(
      contentsOf: root.appending(path: row.file), encoding: .utf8)
    return try row.names.filter { name in
      let declaration = try Regex("(func|struct|enum|let|class) \(name)\\b")
      return source.firstMatch(of: declaration) == nil
    }
  }

  @Test func `every file and name of the table exists`() throws {
    let text = try String(
      contentsOf: Self.root.appending(path: "docs/byol.md"), encoding: .utf8)
    let rows = Self.rows(of: text)
    #expect(rows.count >= 20)
    for row in rows { #expect(try Self.missing(row) == [], "\(row.file)") }
  }

  @Test func `a name that does not exist is found missing`() throws {
    let rows = Self.rows(of: "| a | b | `Sources/Methods/Update.swift` | `Update`, `sway` |")
    #expect(rows.count == 1)
    #expect(try Self.missing(rows[0]) == ["sway"])
    #expect(throws: (any Error).self) { try Self.missing((file: "Sources/None.swift", names: [])) }
  }
}
