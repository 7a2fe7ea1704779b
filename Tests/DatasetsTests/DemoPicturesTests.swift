import Datasets
import Images
import Testing

@Suite struct DemoPicturesTests {
  @Test func `a picture follows from seed and index`() {
    let pictures = DemoPictures(seed: 3)
    #expect(pictures.picture(at: 5) == DemoPictures(seed: 3).picture(at: 5))
    #expect(pictures.picture(at: 5) != pictures.picture(at: 15))
    #expect(pictures.picture(at: 5) != DemoPictures(seed: 4).picture(at: 5))
  }

  @Test func `the kinds are the labels, in equal numbers in both splits`() throws {
    let directory = try TemporaryDirectory()
    let report = try DemoPictures().write(
      into: directory.path + "/demo", train: 100, test: 20, threads: 2)
    #expect(report.accepted == 120 && report.rejectedCount == 0 && report.duplicateCount == 0)
    #expect(Set(report.labels.map(\.name)) == Set(DemoKind.allCases.map(\.rawValue)))
    #expect(report.labels.allSatisfy { $0.train == 10 && $0.test == 2 })
    let pack = try Pack(directory: directory.path + "/demo")
    #expect(try pack.image(at: 7) == DemoPictures().picture(at: 7))
  }

  /// Mean colour and the energy of differences between neighbours: what a glance would use.
  func glance(_ image: Raster) -> [Double] {
    var sums = [Double](repeating: 0, count: 5)
    for y in 1..<image.height {
      for x in 1..<image.width {
        let here = image[x, y]
        let left = image[x - 1, y]
        let above = image[x, y - 1]
        for (c, level) in [here.0, here.1, here.2].enumerated() { sums[c] += Double(level) / 255 }
        sums[3] += abs(Double(here.1) - Double(left.1)) / 64
        sums[4] += abs(Double(here.1) - Double(above.1)) / 64
      }
    }
    return sums.map { $0 / Double((image.width - 1) * (image.height - 1)) }
  }

  @Test func `colour and texture energy do not give the kind away`() {
    let pictures = DemoPictures()
    let known = (0..<300).map { (pictures.kind(at: $0), glance(pictures.picture(at: $0))) }
    let hits = (300..<400).count { index in
      let seen = glance(pictures.picture(at: index))
      func distance(_ other: [Double]) -> Double {
        zip(seen, other).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      }
      let nearest = known.min { distance($0.1) < distance($1.1) }
      return nearest?.0 == pictures.kind(at: index)
    }
    #expect(hits < 30, "\(hits) of 100; chance is 10")
  }
}
