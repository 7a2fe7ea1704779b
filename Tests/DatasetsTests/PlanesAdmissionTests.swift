import Datasets
import Images
import Testing

/// Pictures of other than three channels, from the source to the batch.
@Suite struct PlanesAdmissionTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// A file of random planes.
  func npy(_ seed: Int, width: Int = 24, height: Int = 20, channels: Int) -> ArchiveEntry {
    let shape = "(\(height), \(width), \(channels))"
    let text = "{'descr': '|u1', 'fortran_order': False, 'shape': \(shape), }\n"
    let count = UInt8(text.utf8.count)
    let head = [0x93] + Array("NUMPY".utf8) + [1, 0, count, 0] + Array(text.utf8)
    return ArchiveEntry(
      name: "train/\(seed % 2)/\(seed).npy",
      bytes: head + planes(seed, width: width, height: height, channels: channels).pixels)
  }

  func planes(_ seed: Int, width: Int = 24, height: Int = 20, channels: Int) -> Raster {
    let random = picture(seed, width: width * channels, height: height)
    return Raster(
      width: width, height: height, channels: channels,
      pixels: Array(random.pixels.prefix(width * height * channels)))
  }

  func admitted(
    _ entries: [ArchiveEntry], threads: Int = 2
  ) throws -> (report: AdmissionReport, pack: Pack) {
    let path = try directory.write(tar(entries), to: "source.tar")
    let into = directory.path + "/d\(threads)"
    let report = try admit(source: .archive(path: path), into: into, threads: threads)
    return (report, try Pack(directory: into))
  }

  @Test(arguments: [1, 5, 16])
  func `planes keep their channels, and the first picture says how many`(channels: Int) throws {
    let other = channels == 5 ? 4 : 5
    let (report, pack) = try admitted(
      (0..<6).map { npy($0, channels: channels) } + [
        npy(6, channels: other), ArchiveEntry(name: "train/0/7.png", bytes: try picture(7).png()),
      ])
    #expect(report.accepted == 6 && report.channels == channels && pack.channels == channels)
    #expect(
      report.rejected.map { "\($0.name) \($0.code.rawValue)" } == [
        "train/0/6.npy other_channels", "train/0/7.png other_channels",
      ])
    #expect(report.channelKinds == [channels == 1 ? "gray" : "planes": 6])
    #expect(report.advice.contains { $0.contains("saturation, hue and gray are switched off") })
    for index in 0..<6 {
      #expect(try pack.image(at: index) == planes(index, channels: channels))
      #expect(pack[index].channels == channels && pack[index].storage == .rgb)
    }
    #expect(pack.isGray == (channels == 1))
  }

  @Test func `in a set of colour pictures planes are the others`() throws {
    let (report, pack) = try admitted([
      ArchiveEntry(name: "a.png", bytes: try picture(7).png()), npy(1, channels: 1),
      npy(2, channels: 3),
    ])
    #expect(report.channels == 3 && pack.channels == 3)
    #expect(report.rejected.map(\.code) == [.otherChannels])
    #expect(try pack.image(at: 1) == planes(2, channels: 3))
  }

  @Test(arguments: [1, 3])
  func `most pictures decide on the channels, whichever comes first`(threads: Int) throws {
    let colour = try (0..<9).map {
      ArchiveEntry(name: "train/\($0 % 2)/\($0).png", bytes: try picture($0).png())
    }
    let (report, pack) = try admitted([npy(100, channels: 4)] + colour, threads: threads)
    #expect(report.accepted == 9 && report.channels == 3 && pack.channels == 3)
    #expect(
      report.rejected.map { "\($0.name) \($0.code.rawValue)" } == ["train/0/100.npy other_channels"]
    )
    #expect(report.advice.contains { $0.contains("left out: 1 of 4") })
    // The same as if the other had come last.
    let (last, _) = try admitted(colour + [npy(100, channels: 4)], threads: threads + 10)
    #expect(last.identity == report.identity)
  }

  @Test func `large planes are scaled down and kept as they are`() throws {
    let (_, pack) = try admitted([npy(1, width: 700, height: 600, channels: 2)])
    let expected = planes(1, width: 700, height: 600, channels: 2)
    #expect((pack[0].width, pack[0].height) == (597, 512))
    #expect(try pack.image(at: 0) == expected.resized(width: 597, height: 512))
  }

  @Test func `batches have as many channels, and are what the renderer gives`() throws {
    let (_, pack) = try admitted((0..<8).map { npy($0, channels: 5) })
    var augmentations = Augmentations()
    augmentations.normalization = Normalization(channels: 5)
    let source = ViewBatchSource(
      pack: pack, pictures: Array(0..<8),
      configuration: ViewBatchConfiguration(
        views: augmentations.views(side: 16),
        normalization: augmentations.normalization, batchSize: 4, seed: 3, threads: 2))
    defer { source.stop() }
    let renderer = ViewRenderer(
      augmentation: augmentations.second, normalization: augmentations.normalization, side: 16)
    try unsafe source.withNextBatch { batch in
      let count = 16 * 16 * 5
      let pictures = unsafe batch.pictures
      unsafe #expect(batch.views[1].count == 4 * count)
      for (row, picture) in pictures.enumerated() {
        let view = unsafe Array(batch.views[1][row * count..<(row + 1) * count])
        let expected = renderer(
          planes(picture, channels: 5), seed: 3, epoch: 0, picture: picture, view: 1)
        #expect(view == expected)
      }
    }
  }

  @Test func `a pack of the first version has three channels`() throws {
    let (_, pack) = try admitted([ArchiveEntry(name: "a.png", bytes: try picture(7).png())])
    let path = directory.path + "/d2/index"
    var index = try fileBytes(path)
    // The version, and the record's last byte of kinds, which the first version left 0.
    #expect(index[8] == 2 && index[64 + 31] == 3)
    index[8] = 1
    index[64 + 31] = 0
    let sum = crc32(Array(index.dropLast(4)))
    index.replaceSubrange(
      index.count - 4..<index.count, with: (0..<4).map { UInt8(sum >> (8 * $0) & 255) })
    try directory.write(index, to: "d2/index")
    let earlier = try Pack(directory: directory.path + "/d2")
    #expect(earlier.channels == 3)
    #expect(try earlier.image(at: 0) == pack.image(at: 0))
  }
}
