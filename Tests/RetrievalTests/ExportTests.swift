import Datasets
import Durability
import EmbeddingService
import Foundation
import Images
import PythonInterpreter
import TensorGraph
import Testing

@testable import Retrieval

/// An interpreter's exit status and what it prints.
private func run(_ arguments: [String]) throws -> (status: Int32, text: String) {
  let ran = try #require(PythonInterpreter.run(arguments))
  return (ran.status, String(decoding: ran.output, as: UTF8.self))
}

private let hasNumPy = PythonInterpreter.has("numpy")

/// Names and labels with what ends a field or a line somewhere, or means something else.
private let texts = [
  "train/cat/1.png", "a\tb", "a\nb", "a\r\nb", "a\rb", #"a\b"#, #"\N"#, #"\."#, #"a\tb\n"#,
  #"a"b"#, #"""#, "\"\u{301}accented quote", "a,b", ",", " blank ", "'", "[1,2]", "{}", "NA", "#",
  "Gänse/größe.png", "a\u{308}", "写真/猫.png", "📷", "صورة", "\u{FEFF}mark", "\u{2028}", "\u{B}\u{C}",
]

/// A picture's vector as `PaintEncoder` draws it, where every third one has components of all sizes that float32 has.
private struct UnevenEncoder: PictureEncoder {
  let byteCount = 0
  func embed(_ image: Raster) -> [Float] {
    let vector = PaintEncoder(counter: nil).embed(image)
    guard image.pixels[0] % 3 == 0 else { return vector }
    return vector.enumerated().map { $1 * Float(pow(10, -2 * Double($0))) }
  }
}

/// An index of awkward texts and numbers, and all its exports in a folder, removed with the value.
private final class Exports {
  let folder = FileManager.default.temporaryDirectory.path + "/exports-\(UUID())"
  let index: VectorIndex
  let named: [(name: String, label: String?)]

  init(count: Int, storage: VectorStorage = .float32) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    named = (0..<count).map { number in
      let text = texts[number % texts.count]
      return ("\(text)/\(number)", number % 5 == 0 ? nil : text)
    }
    try Data("weights".utf8).write(to: URL(filePath: folder + "/model"))
    var build = IndexBuild(
      directory: folder + "/index", modelFile: folder + "/model", modelName: "run@5",
      sourceName: "named")
    build.storage = storage
    let loader = EncoderLoader { _ in
      OpenedModel(
        dimension: PaintEncoder.dimension, inputSize: 1, fingerprint: "f00d", precision: .float32
      ) { UnevenEncoder() }
    }
    try build.run(PaintedPictures(named), loader: loader)
    index = try VectorIndex(directory: folder + "/index")
    for form in IndexExport.allCases { try index.write(form, to: folder + "/" + form.fileName) }
  }

  /// Writes what the exports must say, from the texts that were given, not from those that were stored.
  func writeExpected() throws -> String {
    let rows: [[String: Any]] = named.indices.map { row in
      [
        "name": named[row].name, "label": named[row].label ?? NSNull(),
        "split": index.item(row).split.name, "picture": row,
        "vector": index.vector(row).map(Double.init),
      ]
    }
    let path = folder + "/expected.json"
    try JSONSerialization.data(withJSONObject: rows).write(to: URL(filePath: path))
    return path
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }
}

/// What NumPy, pandas, Qdrant's client and PostgreSQL read, by the script that the documents name.
@Suite(.enabled(if: hasNumPy, "BYOL_PYTHON names no interpreter with NumPy"))
struct `Exports in other programs` {
  private let script = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Scripts/read_exports.py").path

  @Test(arguments: VectorStorage.allCases)
  func `every export is read back as it was written, and an altered one is noticed`(
    storage: VectorStorage
  ) throws {
    let exports = try Exports(count: 300, storage: storage)
    let expected = try exports.writeExpected()
    for arguments in [[], ["--selftest"]] {
      let (status, text) = try run([script, exports.folder, "--expected", expected] + arguments)
      // 77: a client is missing, and the line of its format says which.
      #expect(status == 0 || (status == 77 && text.contains("skipped")), "\(text)")
      for form in IndexExport.allCases {
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("\(form.rawValue): ") }
        #expect(!lines.isEmpty, "\(form)")
        if status == 77 { print(lines.filter { $0.contains("skipped") }.joined(separator: "\n")) }
      }
      #expect(text.contains("npy: read by numpy") || arguments == ["--selftest"], "\(text)")
    }
  }

  @Test func `an index of one picture is read back too`() throws {
    let exports = try Exports(count: 1)
    let (status, text) = try run([script, exports.folder])
    #expect([0, 77].contains(status) && text.contains("npy: read by numpy"), "\(text)")
  }
}

@Suite struct `Export texts` {
  @Test func `vectors that are stored in float16 are given in float32, as a search has them`()
    throws
  {
    let exports = try Exports(count: 30, storage: .float16)
    let index = exports.index
    let numbers = (0..<30).flatMap { index.vector($0) }
    #expect(numbers.count == 30 * PaintEncoder.dimension && Set(numbers).count > 100)
    let bytes = try #require(FileManager.default.contents(atPath: exports.folder + "/vectors.npy"))
    #expect(bytes.prefix(128) == Data(NPY.header(rows: 30, columns: PaintEncoder.dimension)))
    let expected = unsafe numbers.withUnsafeBytes { unsafe Data($0) }
    #expect(bytes.dropFirst(128) == expected)
    let text = try String(contentsOfFile: exports.folder + "/vectors.tsv", encoding: .utf8)
    let read = text.split { $0 == "\n" || $0 == "\t" }.compactMap { Float($0) }
    #expect(read == numbers)
  }

  @Test func `a quote is doubled in comma-separated values, with an accent on it too`() throws {
    let exports = try Exports(count: texts.count)
    let items = try String(contentsOfFile: exports.folder + "/items.csv", encoding: .utf8)
    #expect(
      Array(items.utf8).firstRange(of: Array(",\"\"\"\u{301}accented quote/11\",".utf8)) != nil)
    #expect(Array(items.utf8).firstRange(of: Array(",\"a\"\"b/9\",\"a\"\"b\",".utf8)) != nil)
  }

  @Test func `a missing label is null for PostgreSQL, and one that spells null is not`() throws {
    let exports = try Exports(count: texts.count)
    let copy = try String(contentsOfFile: exports.folder + "/vectors.copy", encoding: .utf8)
    #expect(Array(copy.utf8).firstRange(of: Array("0\ttrain/cat/1.png/0\t\\N\t".utf8)) != nil)
    #expect(Array(copy.utf8).firstRange(of: Array("6\t\\\\N/6\t\\\\N\t".utf8)) != nil)
  }
}
