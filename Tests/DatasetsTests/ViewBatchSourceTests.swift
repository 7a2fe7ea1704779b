import Datasets
import Images
import Testing

@Suite struct PictureOrderTests {
  @Test func `an order holds every picture once and depends on seed and epoch`() {
    let order = PictureOrder(seed: 1, epoch: 0, count: 1000)
    #expect(order.pictures.sorted() == Array(0..<1000))
    #expect(order == PictureOrder(seed: 1, epoch: 0, count: 1000))
    #expect(order != PictureOrder(seed: 1, epoch: 1, count: 1000))
    #expect(order != PictureOrder(seed: 2, epoch: 0, count: 1000))
  }

  @Test func `the last incomplete batch is dropped`() {
    #expect(PictureOrder.batches(of: 64, count: 1000) == 15)
    let order = PictureOrder(seed: 1, epoch: 0, count: 10)
    #expect(Array(order.batch(2, size: 3)) == Array(order.pictures[6..<9]))
  }
}

@Suite struct ViewBatchSourceTests {
  let directory: TemporaryDirectory
  let pack: Pack

  init() throws {
    directory = try TemporaryDirectory()
    let path = try directory.write(tar(try labelledEntries(trainPerLabel: 11)), to: "source.tar")
    try admit(source: .archive(path: path), into: directory.path + "/d")
    pack = try Pack(directory: directory.path + "/d")
  }

  struct Batch: Equatable {
    var step: Int
    var epoch: Int
    var pictures: [Int]
    var first: [Float]
    var second: [Float]
  }

  func batches(
    from step: Int, count: Int, threads: Int, depth: Int = 2, batchSize: Int = 5, part: Int = 0,
    parts: Int = 1
  ) throws -> [Batch] {
    let source = ViewBatchSource(
      pack: pack, pictures: pack.pictures(in: .train),
      configuration: ViewBatchConfiguration(
        views: Augmentations().views(side: 32), normalization: Normalization(),
        batchSize: batchSize, seed: 7, threads: threads, depth: depth, part: part, parts: parts),
      firstStep: step)
    #expect(source.stepsPerEpoch == 22 / (batchSize * parts))
    return try (0..<count).map { _ in
      try unsafe source.withNextBatch { batch in
        unsafe Batch(
          step: batch.step, epoch: batch.epoch, pictures: batch.pictures,
          first: Array(batch.views[0]), second: Array(batch.views[1]))
      }
    }
  }

  @Test func `batches are the same for any number of threads and from any first step`() throws {
    let all = try batches(from: 0, count: 10, threads: 1)
    #expect(all.map(\.step) == Array(0..<10))
    #expect(all.map(\.epoch) == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    #expect(try batches(from: 0, count: 10, threads: 3, depth: 4) == all)
    #expect(try batches(from: 6, count: 4, threads: 2) == Array(all[6...]))
  }

  @Test func `the parts of a batch are together the whole batch`() throws {
    let all = try batches(from: 0, count: 8, threads: 1, batchSize: 6)
    let parts = try (0..<3).map {
      try batches(from: 0, count: 8, threads: 2, batchSize: 2, part: $0, parts: 3)
    }
    for (step, whole) in all.enumerated() {
      let own = parts.map { $0[step] }
      #expect(own.allSatisfy { ($0.step, $0.epoch) == (whole.step, whole.epoch) })
      #expect(own.flatMap(\.pictures) == whole.pictures)
      #expect(own.flatMap(\.first) == whole.first && own.flatMap(\.second) == whole.second)
    }
  }

  @Test func `each row is the renderer's view of its picture`() throws {
    let batch = try batches(from: 5, count: 1, threads: 2)[0]
    let augmentations = Augmentations()
    let renderer = ViewRenderer(
      augmentation: augmentations.second, normalization: augmentations.normalization, side: 32)
    let train = Set(pack.pictures(in: .train))
    for (row, picture) in batch.pictures.enumerated() {
      #expect(train.contains(picture))
      let view = renderer(
        try pack.image(at: picture), seed: 7, epoch: 1, picture: picture, view: 1)
      #expect(Array(batch.second[row * 3072..<(row + 1) * 3072]) == view)
    }
  }

  @Test func `an epoch shows every picture at most once`() throws {
    let epoch = try batches(from: 0, count: 4, threads: 2).flatMap(\.pictures)
    #expect(Set(epoch).count == 20)
  }

  @Test func `an altered picture ends the batches with an error`() throws {
    var bytes = [UInt8](repeating: 0, count: 0)
    let path = directory.path + "/d/pack"
    bytes = try Array(fileBytes(path))
    for offset in stride(from: 16, to: bytes.count, by: 64) { bytes[offset] ^= 0x40 }
    try directory.write(bytes, to: "d/pack")
    let altered = try Pack(directory: directory.path + "/d")
    let source = ViewBatchSource(
      pack: altered, pictures: altered.pictures(in: .train),
      configuration: ViewBatchConfiguration(
        views: Augmentations().views(side: 32), normalization: Normalization(), batchSize: 4,
        seed: 7, threads: 2))
    #expect(throws: PackError.self) {
      for _ in 0..<5 { _ = try unsafe source.withNextBatch { unsafe $0.step } }
    }
  }
}
