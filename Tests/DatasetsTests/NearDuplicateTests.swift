import Images
import Testing

@testable import Datasets

@Suite struct NearDuplicateTests {
  /// Broad shapes, as photographs have them.
  func shapes(_ seed: Int, width: Int = 96, height: Int = 80) -> Raster {
    picture(seed, width: 6, height: 5).resized(width: width, height: height)
  }

  @Test func `a smaller, a recompressed and a brighter copy are near, another picture is not`()
    throws
  {
    let original = shapes(1)
    let thumbnail = try #require(PictureThumbnail(original))
    let brighter = Raster(
      width: 96, height: 80, pixels: original.pixels.map { UInt8(min(255, Int($0) + 3)) })
    let copies = [
      original.resized(width: 48, height: 40), try decode(original.jpeg(quality: 60)), brighter,
    ]
    for copy in copies {
      #expect(try #require(PictureThumbnail(copy)).isNear(thumbnail))
    }
    for seed in 2..<30 {
      #expect(try !#require(PictureThumbnail(shapes(seed))).isNear(thumbnail))
    }
  }

  @Test func `even pictures are not compared`() {
    let even = Raster(width: 9, height: 9, pixels: Array(repeating: 100, count: 243))
    #expect(PictureThumbnail(even) == nil)
  }

  @Test func `a report lists near duplicates, channel kinds and what follows from them`() throws {
    let directory = try TemporaryDirectory()
    let entries = try (0..<12).map {
      ArchiveEntry(name: "train/a/\($0).png", bytes: try shapes($0).png())
    }
    let gray = Raster(
      width: 20, height: 20,
      pixels: (0..<400).flatMap { [UInt8($0 % 200), UInt8($0 % 200), UInt8($0 % 200)] })
    let more = [
      ArchiveEntry(name: "test/a/copy.jpg", bytes: try shapes(4).jpeg(quality: 80)),
      ArchiveEntry(name: "train/a/gray.png", bytes: try gray.png()),
    ]
    let path = try directory.write(tar(entries + more), to: "source.tar")
    let report = try admit(source: .archive(path: path), into: directory.path + "/d", threads: 2)
    #expect(
      report.nearDuplicates == [.init(name: "test/a/copy.jpg", original: "train/a/4.png")])
    #expect(report.nearDuplicateCount == 1 && report.nearDuplicatesAcrossSplits == 1)
    #expect(report.duplicateCount == 0 && report.channelKinds == ["rgb": 14])
    #expect(report.advice.contains { $0.contains("nearly equal") })
    #expect(report.advice.contains { $0.hasPrefix("1 pictures are gray") })
  }

  @Test(arguments: [1, 3])
  func `pictures that are among others are counted, equal or nearly so`(threads: Int) throws {
    let directory = try TemporaryDirectory()
    let even = Raster(width: 9, height: 9, pixels: Array(repeating: 100, count: 243))
    // As many bytes, and another picture.
    let other = Raster(width: 3, height: 27, pixels: even.pixels)
    var entries = try (0..<12).map {
      ArchiveEntry(name: "train/a/\($0).png", bytes: try shapes($0).png())
    }
    entries += [
      ArchiveEntry(name: "train/a/even.png", bytes: try even.png()),
      ArchiveEntry(name: "test/a/copy.jpg", bytes: try shapes(4).jpeg(quality: 80)),
      ArchiveEntry(name: "test/a/equal.png", bytes: try even.png()),
      ArchiveEntry(name: "test/a/new.png", bytes: try shapes(40).png()),
      ArchiveEntry(name: "test/a/tall.png", bytes: try other.png()),
    ]
    let path = try directory.write(tar(entries), to: "source.tar")
    _ = try admit(source: .archive(path: path), into: directory.path + "/d", threads: 2)
    let pack = try Pack(directory: directory.path + "/d")
    let (test, train) = (pack.pictures(in: .test), pack.pictures(in: .train))
    var looked = 0
    #expect(
      try pack.repeatedCount(of: test, among: train, threads: threads) { looked += $0 } == 2)
    #expect(looked == 17)
    #expect(try pack.repeatedCount(of: test, among: [], threads: threads) == 0)
    #expect(try pack.repeatedCount(of: train, among: train, threads: threads) == train.count)
    struct Enough: Error {}
    #expect(throws: Enough.self) {
      try pack.repeatedCount(of: test, among: train, threads: threads) { _ in throw Enough() }
    }
  }
}
