import Datasets
public import Durability
import JSONTree

/// A form in which other programs take an index's vectors.
public enum IndexExport: String, CaseIterable, Sendable {
  /// NumPy: `[items, dimension]` float32.
  case npy
  /// The items alone, a row each, in the order of the vectors: row, name, label, part, picture.
  case items
  /// A row for each item: name, label, part, and a column for each component (RFC 4180).
  case csv
  /// Qdrant: a point for each line, with its vector and its payload, as `PUT /collections/{name}/points` takes them.
  case qdrant
  /// pgvector: what PostgreSQL's `COPY … FROM` reads in text format: id, name, label, part, vector.
  case pgvector
  /// TensorFlow's embedding projector: the vectors, tab-separated.
  case projectorVectors = "projector-vectors"
  /// TensorFlow's embedding projector: the names, labels and parts, tab-separated, with a head.
  case projectorMetadata = "projector-metadata"

  /// The media type of what comes out.
  public var mediaType: String {
    switch self {
    case .npy: "application/x-npy"
    case .items, .csv: "text/csv; charset=utf-8"
    case .qdrant: "application/x-ndjson"
    case .pgvector: "text/plain; charset=utf-8"
    case .projectorVectors, .projectorMetadata: "text/tab-separated-values; charset=utf-8"
    }
  }

  /// The name of a file of this form.
  public var fileName: String {
    switch self {
    case .npy: "vectors.npy"
    case .items: "items.csv"
    case .csv: "vectors.csv"
    case .qdrant: "points.ndjson"
    case .pgvector: "vectors.copy"
    case .projectorVectors: "vectors.tsv"
    case .projectorMetadata: "metadata.tsv"
    }
  }
}

/// Vectors with their pictures, row by row, as they are given to other programs.
public struct VectorListing: Sendable {
  /// Rows.
  public let count: Int
  /// Components of a vector.
  public let dimension: Int
  let fingerprint: String
  let vectors: VectorFile
  let item: @Sendable (_ row: Int) -> IndexItem

  /// Rows whose text is made at once.
  private static let rowsPerPiece = 256

  /// The pieces of an export, each made when it is asked for, so that no more than one is in memory.
  public func pieces(_ form: IndexExport) -> some Sequence<[UInt8]> {
    // The head goes before the first row's piece.
    stride(from: 0, to: count, by: Self.rowsPerPiece).lazy.map { [self] first in
      (first..<min(count, first + Self.rowsPerPiece)).reduce(
        into: first == 0 ? head(form) : []
      ) { append($1, form, to: &$0) }
    }
  }

  /// Writes an export to a file, which appears as a whole.
  ///
  /// - Throws: `FileSystemError`.
  public func write(
    _ form: IndexExport, to path: String, fileSystem: any FileSystem = DiskFileSystem()
  ) throws(FileSystemError) {
    try fileSystem.replaceFile(path) { (file) throws(FileSystemError) in
      for piece in pieces(form) { try file.append(piece) }
    }
  }

  private func head(_ form: IndexExport) -> [UInt8] {
    switch form {
    case .npy: NPY.header(rows: count, columns: dimension)
    case .items: Array("row,name,label,split,picture\r\n".utf8)
    case .csv:
      Array(
        (["name", "label", "split"] + (0..<dimension).map { "v\($0)" }).joined(separator: ",").utf8)
        + [0x0D, 0x0A]
    case .projectorMetadata: Array("name\tlabel\tsplit\n".utf8)
    case .qdrant, .pgvector, .projectorVectors: []
    }
  }

  private func append(_ row: Int, _ form: IndexExport, to text: inout [UInt8]) {
    switch form {
    case .npy:
      // In float32, however it is stored.
      unsafe vectors.withRows(row..<row + 1) { unsafe text += UnsafeRawBufferPointer($0) }
    case .items:
      let item = item(row)
      let fields = [
        "\(row)", quoted(item.name), quoted(item.label ?? ""), item.split.name, "\(item.picture)",
      ]
      text += Array(fields.joined(separator: ",").utf8) + [0x0D, 0x0A]
    case .csv:
      let item = item(row)
      let fields = [quoted(item.name), quoted(item.label ?? ""), item.split.name]
      text += Array(fields.joined(separator: ",").utf8) + [UInt8(ascii: ",")]
      append(vectors[row], separator: ",", to: &text)
      text += [0x0D, 0x0A]
    case .qdrant:
      let item = item(row)
      let payload: JSONValue = [
        "name": .string(item.name), "label": item.label.map(JSONValue.string) ?? .null,
        "split": .string(item.split.name), "fingerprint": .string(fingerprint),
      ]
      text += Array("{\"id\":\(row),\"vector\":[".utf8)
      append(vectors[row], separator: ",", to: &text)
      text += Array("],\"payload\":".utf8) + payload.encoded + Array("}\n".utf8)
    case .pgvector:
      let item = item(row)
      let fields = ["\(row)", copied(item.name), item.label.map(copied) ?? "\\N", item.split.name]
      text += Array(fields.joined(separator: "\t").utf8) + Array("\t[".utf8)
      append(vectors[row], separator: ",", to: &text)
      text += Array("]\n".utf8)
    case .projectorVectors:
      append(vectors[row], separator: "\t", to: &text)
      text.append(0x0A)
    case .projectorMetadata:
      let item = item(row)
      let fields = [tabless(item.name), tabless(item.label ?? ""), item.split.name]
      text += Array(fields.joined(separator: "\t").utf8) + [0x0A]
    }
  }

  /// Numbers in the shortest form that reads back as the same float32.
  private func append(_ vector: [Float], separator: Unicode.Scalar, to text: inout [UInt8]) {
    for (index, value) in vector.enumerated() {
      if index > 0 { text.append(UInt8(ascii: separator)) }
      text += value.description.utf8
    }
  }

  /// A field of CSV (RFC 4180 §2): quoted where it has a comma, a quote or a line's end.
  private func quoted(_ text: String) -> String {
    let special: Set<Unicode.Scalar> = [",", "\"", "\n", "\r"]
    guard text.unicodeScalars.contains(where: special.contains) else { return text }
    // By scalars: a quote with a combining accent after it is one character, and no quote.
    var result = "\"".unicodeScalars
    for scalar in text.unicodeScalars {
      if scalar == "\"" { result.append(scalar) }
      result.append(scalar)
    }
    return String(result) + "\""
  }

  /// A field of PostgreSQL's text format: backslash, tab and the ends of lines are escaped.
  private func copied(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\t": result += "\\t"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The projector has no escapes: what would end a field or a line becomes a blank.
  private func tabless(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { "\t\n\r".unicodeScalars.contains($0) ? " " : $0 }))
  }
}

extension VectorIndex {
  /// What exports are made of.
  private var listing: VectorListing {
    VectorListing(
      count: count, dimension: dimension, fingerprint: manifest.fingerprint, vectors: vectors
    ) { [items] in items[$0] }
  }

  /// The pieces of an export, each made when it is asked for, so that no more than one is in memory.
  public func pieces(_ form: IndexExport) -> some Sequence<[UInt8]> { listing.pieces(form) }

  /// Writes an export to a file, which appears as a whole.
  ///
  /// - Throws: `FileSystemError`.
  public func write(
    _ form: IndexExport, to path: String, fileSystem: any FileSystem = DiskFileSystem()
  ) throws(FileSystemError) {
    try listing.write(form, to: path, fileSystem: fileSystem)
  }
}
