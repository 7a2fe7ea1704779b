import Testing

/// One mistake in the tree, and what the check must say of it.
struct Mistake: Sendable, CustomTestStringConvertible {
  var script: String
  var path: String
  var old: String
  var new: String
  var complaint: String

  init(
    _ script: String, _ path: String, _ old: String, _ new: String, _ complaint: String
  ) {
    (self.script, self.path, self.old, self.new) = (script, path, old, new)
    self.complaint = complaint
  }

  var testDescription: String { complaint }
}

@Suite struct `Checks of the house` {
  @Test(arguments: ["layers.py", "docs.py", "tests.py", "counts.py", "security.py", "version.py"])
  func `a tree without mistakes passes`(script: String) throws {
    let result = try Tree().check(script)
    #expect(result.status == 0, "\(result.output)")
  }

  @Test(arguments: Mistake.all)
  func `a mistake fails the check that is there for it`(mistake: Mistake) throws {
    let tree = try Tree()
    try #require(try tree.replace(mistake.old, by: mistake.new, in: mistake.path))
    let result = try tree.check(mistake.script)
    #expect(result.status == 1, "\(result.output)")
    #expect(result.output.contains(mistake.complaint), "\(result.output)")
  }

  @Test func `a Swift target needs the strict settings whatever its name`() throws {
    let tree = try Tree()
    try tree.write("public let sheets = 1\n", to: "Sources/CPaper/Sheets.swift")
    let result = try tree.check("layers.py")
    #expect(result.status == 1, "\(result.output)")
    #expect(
      result.output.contains("Package.swift compiles CPaper without swiftLanguageMode 6."),
      "\(result.output)")
  }

  @Test(arguments: [
    ("Sources/ink/Pen.swift", "Sources/Ink and Sources/ink"),
    ("Sources/Ink/ink.swift", "Sources/Ink/Ink.swift and Sources/Ink/ink.swift"),
    ("docs/Limits.md", "docs/Limits.md and docs/limits.md"),
  ])
  func `paths that differ in case only fail`(path: String, complaint: String) throws {
    let tree = try Tree()
    try tree.write("// ink\n", to: path)
    let result = try tree.check("layers.py")
    #expect(result.status == 1, "\(result.output)")
    #expect(result.output.contains(complaint + " differ in case only"), "\(result.output)")
  }

  @Test func `a file of more than 400 lines fails`() throws {
    let tree = try Tree()
    try tree.write(String(repeating: "// ink\n", count: 401), to: "Sources/Ink/Long.swift")
    let result = try tree.check("counts.py")
    #expect(result.status == 1 && result.output.contains("Long.swift has 401 lines"))
  }

  @Test func `a function of more than 70 lines fails`() throws {
    let tree = try Tree()
    let body = String(repeating: "  draw()\n", count: 71)
    try tree.write("func drawMuch() {\n\(body)}\n", to: "Sources/Ink/Much.swift")
    let result = try tree.check("counts.py")
    #expect(result.status == 1 && result.output.contains("drawMuch has 71 lines"))
  }

  @Test(arguments: [
    "#expect(Bool(true)); if isEmpty { return }", "try #require(isFull); if isEmpty { return }",
    "guard isFull else { Issue.record(\"empty\"); return }; #expect(Bool(true))",
    "func ink() { return }; #expect(Bool(true))", "return #expect(Bool(true))",
    "let ink = pens.map { pen in return pen.ink }; #expect(ink == [])",
  ])
  func `a return after an expectation, with a value or of a nested function passes`(
    body: String
  ) throws {
    let tree = try Tree()
    let path = "Tests/InkTests/InkTests.swift"
    try #require(
      try tree.replace(
        "`a pen draws`() { #expect(Bool(true)) }", by: "`a pen draws`() { \(body) }", in: path))
    let result = try tree.check("tests.py")
    #expect(result.status == 0, "\(result.output)")
  }

  @Test func `words in comments and literals are not counted`() throws {
    let tree = try Tree()
    let text = """
      // unsafe import HTTP
      /* unsafe /* unsafe */ unsafe */
      let a = "unsafe \\(1 + 1) unsafe"
      let b = #"unsafe " unsafe"#

      """
    try tree.write(text, to: "Sources/Ink/Words.swift")
    for script in ["counts.py", "layers.py"] {
      let result = try tree.check(script)
      #expect(result.status == 0, "\(result.output)")
    }
  }
}

extension Mistake {
  static let all = layers + documents + tests + counts + security + versions

  private static let versions = [
    Mistake(
      "version.py", "Sources/Ink/Version.swift", "1.2.3", "1.2",
      "byolVersion is 1.2, and no version of semver.org"),
    Mistake(
      "version.py", "Sources/Ink/Version.swift", "byolVersion", "inkVersion",
      "byolVersion stands 0 times in Sources"),
    Mistake(
      "version.py", "openapi.yaml", "1.2.3", "1.2.4", "openapi.yaml has the version 1.2.4"),
    Mistake(
      "version.py", "CHANGELOG.md", "## 1.2.3", "## 1.3.0", "CHANGELOG.md begins with 1.3.0"),
  ]

  private static let layers = [
    Mistake(
      "layers.py", "ARCHITECTURE.md", "| `Ink` | draws | `CPaper` |\n| `HTTP` | serves | `Ink` |",
      "| `HTTP` | serves | `Ink` |\n| `Ink` | draws | `CPaper` |",
      "HTTP depends on Ink, which stands below it"),
    Mistake(
      "layers.py", "ARCHITECTURE.md", "serves | `Ink` |", "serves | – |",
      "does not say that HTTP depends on Ink"),
    Mistake(
      "layers.py", "ARCHITECTURE.md", "draws | `CPaper` |", "draws | `CPaper` `HTTP` |",
      "Ink does not depend on HTTP"),
    Mistake(
      "layers.py", "ARCHITECTURE.md", "| `HTTP` | serves | `Ink` |\n", "",
      "no row for the target HTTP"),
    Mistake(
      "layers.py", "ARCHITECTURE.md", "| `HTTP` |", "| `Quill` | writes | – |\n| `HTTP` |",
      "a row for Quill"),
    Mistake(
      "layers.py", "package.json",
      #""dependencies": [{"byName": ["Ink", null]}]},\#n  {"name": "InkTests""#,
      #""dependencies": [{"byName": ["Ink", null]}, {"byName": ["CPaper", null]}]},\#n  {"name": "InkTests""#,
      "CPaper has more than one Swift importer"),
    Mistake(
      "layers.py", "ARCHITECTURE.md", "| `CPaper` | paper | `Ink` |",
      "| `CPaper` | paper | `HTTP` |",
      "importers of CPaper are ['Ink']"),
    Mistake(
      "layers.py", "Sources/HTTP/Limits.swift", "import Ink",
      "import Ink\n@preconcurrency internal import CPaper",
      "Limits.swift imports CPaper, which HTTP does not declare"),
    Mistake(
      "layers.py", "package.json", #""Ink", "type": "regular", "settings": [{"tool": "swift""#,
      #""Ink", "type": "regular", "settings": [{"tool": "c""#,
      "Package.swift compiles Ink without strictMemorySafety."),
    Mistake(
      "layers.py", "package.json", #""InkTests", "type": "test", "settings": [{"#,
      #""InkTests", "type": "test", "settings": [{"condition": {"config": "debug"}, "#,
      "Package.swift compiles InkTests without strictMemorySafety."),
    Mistake(
      "layers.py", "Scripts/packages.txt", "libpaper-dev", "libinkwell-dev",
      "packages.txt lacks libpaper-dev"),
  ]

  private static let documents = [
    Mistake("docs.py", "ARCHITECTURE.md", "`Pen.draw`", "`Quill.draw`", "no source declares Quill"),
    Mistake("docs.py", "ARCHITECTURE.md", "`Pen.draw`", "`Pen.write`", "no source declares write"),
    Mistake(
      "docs.py", "ARCHITECTURE.md", "Sources/Ink/Ink.swift", "Sources/Ink/Well.swift",
      "there is no such file"),
    Mistake("docs.py", "CONTRIBUTING.md", "make lint", "make ink", "no such target"),
    Mistake("docs.py", "SECURITY.md", "(ARCHITECTURE.md)", "(INK.md)", "leads nowhere"),
    Mistake("docs.py", "docs/limits.md", "1,024", "1,025", "it is [1024.0]"),
    Mistake(
      "docs.py", "docs/limits.md", "bodyBytes", "headBytes", "lacks the limit Limits.bodyBytes"),
    Mistake("docs.py", "docs/decisions/0001-first.md", "## Decision\n", "", "the headings are"),
    Mistake(
      "docs.py", "ARCHITECTURE.md", "The first",
      String(repeating: "More.\n", count: 150) + "The first",
      "longer than 150 lines"),
  ]

  private static let tests = [
    Mistake(
      "tests.py", "Tests/InkTests/InkTests.swift", "`a pen draws`() { #expect(Bool(true)) }",
      "`a pen draws`() { /* #expect(Bool(true)) */ }", "`a pen draws` expects nothing"),
    Mistake(
      "tests.py", "Tests/InkTests/InkTests.swift", "`a pen draws`() { #expect(Bool(true)) }",
      "`a pen draws`() {\n  guard isFull else { return }\n  #expect(Bool(true))\n}",
      "`a pen draws` returns before it expects anything"),
    Mistake(
      "tests.py", "Tests/InkTests/InkTests.swift", "`a pen draws`() { #expect(Bool(true)) }",
      "`a pen draws`() {\n  if isEmpty {\n    return\n  }\n  checkPen()\n}",
      "`a pen draws` returns before it expects anything"),
    Mistake(
      "tests.py", "Tests/InkTests/InkTests.swift", "checkPen() { #expect(Bool(true)) }",
      "checkPen() { if isEmpty { return }; #expect(Bool(true)) }",
      "checkPen returns before it expects anything"),
    Mistake(
      "tests.py", "Tests/InkTests/InkTests.swift", "checkPen() { #expect(Bool(true)) }",
      "checkPen() {}", "`a pen is checked` expects nothing"),
    Mistake(
      "tests.py", "Tests/InkTests/InkTests.swift",
      #".enabled(if: true, "needs a pen that is full")"#,
      ".disabled()", "switched off without a reason"),
    Mistake(
      "tests.py", "Tests/InkTests/InkTests.swift", ".enabled(if: true,", ".enabled(if: false,",
      "never runs"),
  ]

  private static let security = [
    Mistake(
      "security.py", "SECURITY.md", "`InkTests: a pen draws`", "`InkTests: a pen writes`",
      "InkTests has no test `a pen writes`"),
    Mistake(
      "security.py", "SECURITY.md", "`InkTests: a pen draws`", "`QuillTests: a pen draws`",
      "QuillTests has no test `a pen draws`"),
    Mistake(
      "security.py", "SECURITY.md", "`InkTests: a pen draws`", "a good look",
      "no test is named for: somebody spills ink"),
    Mistake(
      "security.py", "SECURITY.md", "| tests |", "| proofs |", "has no table of threats"),
    Mistake(
      "security.py", "Tests/InkTests/InkTests.swift", "`a pen draws`() {", "`a pen is drawn`() {",
      "InkTests has no test `a pen draws`"),
  ]

  private static let counts = [
    Mistake(
      "counts.py", "Sources/Ink/Ink.swift", "{ unsafe fold() }", "{ unsafe fold(); unsafe fold() }",
      "Ink has 2 `unsafe`, 1 committed")
  ]
}
