import Datasets
import Durability
import EmbeddingService
import FaultyDisk
import Foundation
import Images
import Synchronization
import TensorGraph
import Testing

@testable import Retrieval

@Suite struct Indexes {
  private let bench: PaintBench
  private var folder: URL { bench.folder }

  init() throws { bench = try PaintBench() }

  private func loader(_ counter: Counter? = nil, fingerprint: String = "f00d") -> EncoderLoader {
    bench.loader(counter, fingerprint: fingerprint)
  }

  private func build(_ name: String = "index") -> IndexBuild { bench.build(name) }

  @Test func `has a row for each picture in the source's order, and lists what it could not read`()
    throws
  {
    let manifest = try build().run(PaintedPictures(300, bad: [7, 299]), loader: loader())
    #expect(manifest.items == 298 && manifest.rejected == 2 && manifest.reused == 0)
    let index = try VectorIndex(directory: folder.path + "/index")
    #expect(index.manifest == manifest && index.labels == ["label0", "label1", "label2"])
    #expect(index.item(6) == IndexItem(name: "0/6.png", label: "label0", split: .train, picture: 6))
    #expect(index.item(7) == IndexItem(name: "2/8.png", label: "label2", split: .test, picture: 8))
    #expect(index.rejectedPictures().map(\.name) == ["1/7.png", "2/299.png"])
    let drawn = PaintEncoder(counter: nil).embed(
      Raster(width: 1, height: 1, channels: 3, pixels: [8, 0, 0]))
    #expect(zip(index.vector(7), drawn).allSatisfy { abs(3 * $0 - $1) < 1e-5 })
    #expect(
      try DiskFileSystem().names(in: folder.path + "/index").sorted()
        == ["codes", "index.json", "items", "model.safetensors", "rejected.ndjson", "vectors.npy"])
  }

  @Test func `searches that wait for the same index share a pass, and each gets its own answer`()
    async throws
  {
    try build().run(PaintedPictures(200), loader: loader())
    let index = try VectorIndex(directory: folder.path + "/index")
    let desk = SearchDesk(threads: 2)
    try await withThrowingTaskGroup(of: (Int, Int, [Neighbour]).self) { group in
      for row in 0..<150 {
        group.addTask {
          var filter = ItemFilter()
          if row % 3 == 0 { filter.labels = ["label0"] }
          let count = 1 + row % 5
          return (
            row, count,
            try await desk.nearest(
              in: index, to: index.vector(row), count: count, filter: filter, without: [row])
          )
        }
      }
      for try await (row, count, found) in group {
        var filter = ItemFilter()
        if row % 3 == 0 { filter.labels = ["label0"] }
        let alone = try index.nearest(
          to: [index.vector(row)], count: count, filter: filter, without: [[row]], threads: 1)
        #expect(found == alone[0] && found.count == count)
      }
    }
    #expect(desk.waitingCount == 0)
    await #expect(throws: IndexError.noDirection) {
      try await desk.nearest(
        in: index, to: Array(repeating: 0, count: PaintEncoder.dimension), count: 1)
    }
  }

  @Test
  func `one pass takes what asks the same index for the same items, in order, up to its limit`()
    async throws
  {
    try build().run(PaintedPictures(20), loader: loader())
    let index = try VectorIndex(directory: folder.path + "/index")
    let other = try VectorIndex(directory: folder.path + "/index")
    var labelled = ItemFilter()
    labelled.labels = ["label1"]
    let asked: [(VectorIndex, ItemFilter)] =
      [(index, ItemFilter()), (other, ItemFilter()), (index, labelled)]
      + Array(repeating: (index, ItemFilter()), count: SearchLimits.queriesInOnePass)
    var queue = SearchQueue()
    var passes: [[UInt64]] = []
    var replies: [CheckedContinuation<[Neighbour], any Error>] = []
    await withTaskGroup(of: Void.self) { group in
      let (waiting, tell) = AsyncStream.makeStream(of: WaitingSearch.self)
      for (id, (index, filter)) in asked.enumerated() {
        group.addTask {
          _ = try? await withCheckedThrowingContinuation { reply in
            tell.yield(
              WaitingSearch(
                id: UInt64(id), index: index, query: index.vector(0), count: 1, filter: filter,
                without: [], reply: reply))
          }
        }
      }
      var come: [WaitingSearch] = []
      for await search in waiting {
        come.append(search)
        if come.count == asked.count { break }
      }
      for search in come.sorted(by: { $0.id < $1.id }) {
        let isTaken = queue.append(search)
        #expect(isTaken)
        replies.append(search.reply)
      }
      let (first, second) = (queue.take(5), queue.take(5))
      #expect(first?.id == 5 && second == nil)
      while queue.count > 0 { passes.append(queue.takeOnePass().map(\.id)) }
      for reply in replies { reply.resume(returning: []) }
    }
    let all = asked.indices.map(UInt64.init)
    #expect(passes == [all.filter { ![1, 2, 5].contains($0) }, [1], [2]])
  }

  @Test(arguments: [1, 2, 3], [1, 5, 100])
  func `a search gives what comparing every vector gives`(threads: Int, count: Int) throws {
    for storage in VectorStorage.allCases { try compareWithAll(threads, count, storage) }
  }

  private func compareWithAll(_ threads: Int, _ count: Int, _ storage: VectorStorage) throws {
    var build = build("\(storage)")
    build.storage = storage
    try build.run(PaintedPictures(1500), loader: loader())
    let index = try VectorIndex(directory: folder.path + "/\(storage)")
    let queries = (0..<70).map { index.vector(21 * $0) } + [index.vector(3).map { -1e-30 * $0 }]
    var filter = ItemFilter()
    (filter.labels, filter.splits) = (["label0", "label2", "none"], [.test])
    for filter in [ItemFilter(), filter] {
      let answers = try index.nearest(to: queries, count: count, filter: filter, threads: threads)
      for (query, answer) in zip(queries, answers) {
        let length = query.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let unit = length > 1e-20 ? query : query.map { Float(Double($0) / length) }
        let all = (0..<index.count).filter { row in
          let item = index.item(row)
          return filter.splits == nil
            || (item.split == .test && ["label0", "label2"].contains(item.label))
        }.map { Neighbour(row: $0, score: index.vectors.product($0, unit)) }
        let sorted = all.sorted { ($1.score, $0.row) < ($0.score, $1.row) }.prefix(count)
        #expect(answer.map(\.row) == sorted.map(\.row))
        #expect(zip(answer, sorted).allSatisfy { abs($0.score - $1.score) < 1e-6 })
      }
    }
  }

  @Test
  func `equal vectors come in the order of their rows, each query without what it leaves out`()
    throws
  {
    // 256 · 8 pictures of which every 256th has the same colour, with another second byte: so few are equal.
    try build().run(PaintedPictures(20), loader: loader())
    let index = try VectorIndex(directory: folder.path + "/index")
    let answers = try index.nearest(
      to: [index.vector(4), index.vector(5)], count: 3, without: [[4], []], threads: 1)
    #expect(!answers[0].map(\.row).contains(4) && answers[1][0].row == 5)
    #expect(abs(answers[1][0].score - 1) < 1e-6)
  }

  @Test func `vectors that cannot be compared are refused`() throws {
    try build().run(PaintedPictures(5), loader: loader())
    let index = try VectorIndex(directory: folder.path + "/index")
    #expect(throws: IndexError.otherDimension(given: 2, expected: 24)) {
      try index.nearest(to: [[1, 2]], count: 1, threads: 1)
    }
    for bad in [0, Float.nan, .infinity] {
      #expect(throws: IndexError.noDirection) {
        try index.nearest(to: [[Float](repeating: bad, count: 24)], count: 1, threads: 1)
      }
    }
  }

  @Test func `an interrupted build goes on and gives the same files`() throws {
    let counter = Counter()
    var interrupted = build()
    var asked = 0
    interrupted.isAskedToStop = {
      asked += 1
      return asked > 1100
    }
    #expect(throws: IndexError.interrupted) {
      try interrupted.run(PaintedPictures(2000, bad: [3, 1900]), loader: loader(counter))
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/index"))
    let before = counter.total
    let manifest = try build().run(PaintedPictures(2000, bad: [3, 1900]), loader: loader(counter))
    #expect(manifest.items == 1998 && manifest.rejected == 2)
    #expect(counter.total - before < 1000)
    try build("whole").run(PaintedPictures(2000, bad: [3, 1900]), loader: loader())
    for file in [IndexFile.vectors, IndexFile.codes, IndexFile.items, IndexFile.rejected] {
      let pair = ["/index/", "/whole/"].map {
        FileManager.default.contents(atPath: folder.path + $0 + file)
      }
      #expect(pair[0] == pair[1] && pair[0] != nil, "\(file)")
    }
  }

  @Test func `a killed build's torn lines and vectors without a line are cut off`() throws {
    var interrupted = build()
    interrupted.isAskedToStop = { true }
    #expect(throws: IndexError.interrupted) {
      try interrupted.run(PaintedPictures(40), loader: loader())
    }
    for file in ["build.ndjson", IndexFile.vectors] {
      let handle = try FileHandle(
        forWritingTo: folder.appending(path: "index.partial").appending(path: file))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data("{\"name\":\"torn".utf8))
      try handle.close()
    }
    #expect(try build().run(PaintedPictures(40), loader: loader()).items == 40)
    let index = try VectorIndex(directory: folder.path + "/index")
    #expect(try index.nearest(to: [index.vector(39)], count: 1, threads: 1)[0][0].row == 39)
  }

  @Test func `lines whose vectors are missing are not believed`() throws {
    var interrupted = build()
    interrupted.isAskedToStop = { true }
    #expect(throws: IndexError.interrupted) {
      try interrupted.run(PaintedPictures(40), loader: loader())
    }
    let vectors = folder.path + "/index.partial/" + IndexFile.vectors
    try Data(count: 130).write(to: URL(filePath: vectors))
    #expect(try build().run(PaintedPictures(40), loader: loader()).items == 40)
    let index = try VectorIndex(directory: folder.path + "/index")
    #expect((0..<40).allSatisfy { index.vector($0).contains { $0 != 0 } })
  }

  @Test(arguments: ["index.partial", "index"])
  func `a folder with other files than an index's is not replaced`(name: String) throws {
    let place = folder.appending(path: name)
    if name == "index" { try build().run(PaintedPictures(40), loader: loader()) }
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let letter = place.appending(path: "letter.txt")
    try Data("Dear all".utf8).write(to: letter)
    #expect(throws: IndexError.occupied(directory: place.path, by: "letter.txt")) {
      try build().run(PaintedPictures(40), loader: loader())
    }
    #expect(try String(contentsOf: letter, encoding: .utf8) == "Dear all")
    try FileManager.default.removeItem(at: letter)
    #expect(try build().run(PaintedPictures(40), loader: loader()).items == 40)
  }

  @Test func `what changed meanwhile is computed anew`() throws {
    var interrupted = build()
    interrupted.isAskedToStop = { true }
    #expect(throws: IndexError.interrupted) {
      try interrupted.run(PaintedPictures(40), loader: loader())
    }
    let counter = Counter()
    let other = loader(counter, fingerprint: "beef")
    #expect(try build().run(PaintedPictures(40), loader: other).items == 40)
    #expect(counter.total == 40)
  }

  @Test
  func `vectors of pictures that an earlier index has are taken over, of the same model only`()
    throws
  {
    try build().run(PaintedPictures(100), loader: loader())
    let earlier = try VectorIndex(directory: folder.path + "/index")
    for (fingerprint, reused) in [("f00d", 100), ("beef", 0)] {
      let counter = Counter()
      var grown = build("grown-\(fingerprint)")
      grown.earlier = [earlier.directory]
      let manifest = try grown.run(
        PaintedPictures(130), loader: loader(counter, fingerprint: fingerprint))
      #expect(manifest.reused == reused && counter.total == 130 - reused)
    }
    var again = build()
    again.earlier = [earlier.directory]
    #expect(try again.run(PaintedPictures(101), loader: loader()).items == 101)
    #expect(try VectorIndex(directory: folder.path + "/index").count == 101)
    // Who holds the old one still reads it.
    #expect(earlier.vector(99).count == 24)
  }

  @Test func `a disk that fails at any change leaves no index, or the whole one`() throws {
    var failures = 0
    for change in 1... {
      let disk = FaultyFileSystem(failing: change)
      var build = build("faulty-\(change)")
      build.fileSystem = disk
      do {
        try build.run(PaintedPictures(20), loader: loader())
      } catch IndexError.files {
        failures += 1
      }
      guard disk.hasFailed else { break }
      let path = folder.path + "/faulty-\(change)"
      if FileManager.default.fileExists(atPath: path) {
        #expect(try VectorIndex(directory: path).count == 20)
      }
      #expect(
        try self.build("faulty-\(change)").run(PaintedPictures(20), loader: loader()).items == 20)
    }
    #expect(failures > 15)
  }

  @Test func `nothing that can be embedded is an error, and leaves nothing`() {
    #expect(throws: IndexError.nothingToIndex(rejected: 2)) {
      try build().run(PaintedPictures(2, bad: [0, 1]), loader: loader())
    }
    #expect((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) == ["model"])
  }

  @Test(arguments: [IndexFile.vectors, IndexFile.codes, IndexFile.items, IndexFile.manifest])
  func `a file that is cut off or missing is told by its name`(file: String) throws {
    try build().run(PaintedPictures(30), loader: loader())
    let path = folder.path + "/index/" + file
    let bytes = try #require(FileManager.default.contents(atPath: path))
    try bytes.dropLast(9).write(to: URL(filePath: path))
    #expect { try VectorIndex(directory: folder.path + "/index") } throws: {
      "\($0)".contains(file)
    }
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: IndexError.self) { try VectorIndex(directory: folder.path + "/index") }
  }
}
