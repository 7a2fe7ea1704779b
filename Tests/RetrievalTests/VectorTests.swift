import Durability
import EmbeddingService
import Foundation
import Testing

@testable import Retrieval

@Suite struct `Vectors and how they are stored` {
  private let bench: PaintBench
  private var folder: URL { bench.folder }

  init() throws { bench = try PaintBench() }

  private func loader(_ counter: Counter? = nil, fingerprint: String = "f00d") -> EncoderLoader {
    bench.loader(counter, fingerprint: fingerprint)
  }

  private func build(_ name: String = "index") -> IndexBuild { bench.build(name) }

  @Test
  func `vectors alone are gone on with, are those of an index, and leave nothing beside them`()
    throws
  {
    let counter = Counter()
    var interrupted = build("vectors.npy")
    var asked = 0
    interrupted.isAskedToStop = {
      asked += 1
      return asked > 1100
    }
    let (output, pictures) = (folder.path + "/vectors.npy", (2000, Set([3, 1900])))
    #expect(throws: IndexError.interrupted) {
      try interrupted.vectors(
        of: PaintedPictures(pictures.0, bad: pictures.1), loader: loader(counter)
      ) { _ in Issue.record("It is not whole.") }
    }
    let before = counter.total
    let found = try build("vectors.npy").vectors(
      of: PaintedPictures(pictures.0, bad: pictures.1), loader: loader(counter)
    ) { (found) throws(FileSystemError) in
      try found.listing.write(.csv, to: folder.path + "/vectors.csv")
      try DiskFileSystem().rename(found.vectorFile, to: output)
    }
    #expect(counter.total - before < 1000)
    #expect(found.rejected.map(\.name) == ["0/3.png", "1/1900.png"])
    try build("whole").run(PaintedPictures(pictures.0, bad: pictures.1), loader: loader())
    let index = try VectorIndex(directory: folder.path + "/whole")
    try index.write(.csv, to: folder.path + "/whole.csv")
    for (one, other) in [("vectors.npy", "whole/vectors.npy"), ("vectors.csv", "whole.csv")] {
      let pair = [one, other].map { FileManager.default.contents(atPath: "\(folder.path)/\($0)") }
      #expect(pair[0] == pair[1] && pair[0] != nil, "\(one)")
    }
    #expect(
      try DiskFileSystem().names(in: folder.path)
        == ["model", "vectors.csv", "vectors.npy", "whole", "whole.csv"])
  }

  @Test func `what cannot be taken is still there for the next time, without being computed anew`()
    throws
  {
    let full = FileSystemError(operation: "write", path: "vectors.csv", code: 28)
    #expect(throws: IndexError.files(full)) {
      try build("v").vectors(of: PaintedPictures(30), loader: loader()) {
        (_) throws(FileSystemError) in throw full
      }
    }
    let counter = Counter()
    let found = try build("v").vectors(of: PaintedPictures(31), loader: loader(counter)) { _ in }
    #expect(counter.total == 1 && found.listing.count == 31)
    #expect(try DiskFileSystem().names(in: folder.path) == ["model"])
  }

  @Test func `vectors in float16 are the nearest to those in float32, and the format says so`()
    throws
  {
    try build("wide").run(PaintedPictures(300), loader: loader())
    var narrow = build("narrow")
    narrow.storage = .float16
    let manifest = try narrow.run(PaintedPictures(300), loader: loader())
    #expect(manifest.format == 2 && manifest.storage == .float16)
    let wide = try VectorIndex(directory: folder.path + "/wide")
    let index = try VectorIndex(directory: folder.path + "/narrow")
    #expect(wide.manifest.format == 1 && wide.manifest.storage == nil)
    let bytes = try #require(
      FileManager.default.contents(atPath: folder.path + "/narrow/vectors.npy"))
    let stored = unsafe bytes.dropFirst(128).withUnsafeBytes {
      unsafe Array($0.assumingMemoryBound(to: UInt16.self))
    }
    let nearest = (0..<300).flatMap { wide.vector($0).map { Float16($0) } }
    #expect(stored == nearest.map(\.bitPattern))
    for row in 0..<300 {
      // Of length 1 again, in the direction of what is stored.
      let halves = nearest[24 * row..<24 * (row + 1)].map(Double.init)
      let length = halves.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(index.vector(row) == halves.map { Float($0 * (1 / length)) })
    }
    let sizes = ["wide", "narrow"].map { name in
      DiskFileSystem().byteCount(ofFile: "\(folder.path)/\(name)/vectors.npy") - 128
    }
    #expect(sizes[0] == 2 * sizes[1])
    #expect(bytes.prefix(128) == Data(NPY.header(rows: 300, columns: 24, storage: .float16)))
    #expect(String(decoding: bytes.prefix(40), as: UTF8.self).contains("'<f2'"))
  }

  @Test func `rounded vectors are not taken over where others are wanted`() throws {
    var narrow = build("narrow")
    narrow.storage = .float16
    try narrow.run(PaintedPictures(40), loader: loader())
    try build("wide").run(PaintedPictures(40), loader: loader())
    let all: [(String, VectorStorage, Int)] = [
      ("narrow", .float16, 40), ("wide", .float16, 40), ("narrow", .float32, 0),
    ]
    for (earlier, storage, reused) in all {
      var next = build("next-\(earlier)-\(storage)")
      (next.storage, next.earlier) = (storage, ["\(folder.path)/\(earlier)"])
      #expect(try next.run(PaintedPictures(40), loader: loader()).reused == reused)
      let twin = storage == .float16 ? "narrow" : "wide"
      let pair = [next.directory, "\(folder.path)/\(twin)"].map {
        FileManager.default.contents(atPath: $0 + "/" + IndexFile.vectors)
      }
      #expect(pair[0] == pair[1] && pair[0] != nil)
    }
  }

  @Test func `an interrupted build of another storage begins anew`() throws {
    var interrupted = build()
    interrupted.isAskedToStop = { true }
    #expect(throws: IndexError.interrupted) {
      try interrupted.run(PaintedPictures(40), loader: loader())
    }
    var narrow = build()
    narrow.storage = .float16
    let counter = Counter()
    #expect(try narrow.run(PaintedPictures(40), loader: loader(counter)).items == 40)
    #expect(counter.total == 40)
  }

  @Test func `a newer format is told before anything else is read of it`() throws {
    try build().run(PaintedPictures(5), loader: loader())
    let newer = Data(#"{"format":3,"storage":"int4"}"#.utf8)
    try newer.write(to: folder.appending(path: "index").appending(path: IndexFile.manifest))
    #expect(throws: IndexError.newerVersion(found: 3, supported: 2)) {
      try VectorIndex(directory: folder.path + "/index")
    }
  }
}
