import Datasets
import Foundation
import Images
import Testing

/// Real pictures; runs when `BYOL_TEST_DATA` names the folder that holds them.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["BYOL_TEST_DATA"] != nil,
    "BYOL_TEST_DATA does not name the folder with eurosat-50mb.tar.gz"))
struct RealDataTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test func `EuroSAT is admitted whole, with its labels and splits`() throws {
    let data = ProcessInfo.processInfo.environment["BYOL_TEST_DATA"] ?? ""
    let report = try admit(
      source: DatasetSource(path: data + "/eurosat-50mb.tar.gz"), into: directory.path + "/d",
      threads: 2)
    #expect(report.accepted == 15_000 && report.rejectedCount == 0)
    #expect(report.splits == ["train": 12_000, "test": 3_000])
    #expect(report.labels.count == 10 && report.unlabelledCount == 0)
    #expect(report.labels.map(\.name).contains("Highway"))
    #expect(report.skippedCount == 3)
    #expect(report.sizes.map(\.shortSide) == [64])
    let pack = try Pack(directory: directory.path + "/d")
    try pack.verify()
    #expect((0..<pack.count).allSatisfy { pack[$0].width == 64 && pack[$0].height == 64 })
  }

  @Test(arguments: ["eurosat-50mb.tar.gz", "cifar10-jpg.tar.gz"])
  func `the evaluation's square has the bits of the whole picture resized and cut`(
    name: String
  ) throws {
    let data = ProcessInfo.processInfo.environment["BYOL_TEST_DATA"] ?? ""
    try admit(
      source: DatasetSource(path: data + "/" + name), into: directory.path + "/d", threads: 2)
    let pack = try Pack(directory: directory.path + "/d")
    for index in stride(from: 0, to: pack.count, by: pack.count / 150) {
      let image = try pack.image(at: index)
      for side in [24, 64, 112, 160] {
        let transform = EvaluationTransform(side: side)
        let whole = image.resized(width: transform.resizedSide, height: transform.resizedSide)
        let margin = (Double(transform.resizedSide - side) / 2).rounded(.toNearestOrEven)
        let box = PixelBox(x: Int(margin), y: Int(margin), width: side, height: side)
        #expect(image.width == image.height)
        #expect(
          transform.square(of: image) == whole.cropped(to: box), "\(pack[index].name) \(side)")
      }
    }
  }
}
