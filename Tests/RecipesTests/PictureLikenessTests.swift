import Images
import JSONTree
import TensorGraph
import Testing

@testable import Recipes

/// What a set says whose pictures are copies of few.
@Suite struct `Likeness of pictures` {
  /// A picture of one colour with a square of another.
  private func picture(_ number: Int) -> Raster {
    let side = 16
    return Raster(
      width: side, height: side,
      pixels: (0..<side * side * 3).map { UInt8(($0 / 3 % side < 8 ? 40 : 20 * number) % 256) })
  }

  private func problems(_ members: JSONObject, _ dataset: DatasetSize) -> [FieldProblem] {
    do {
      _ = try RecipeRequest(reading: members).resolve(dataset: dataset, machine: machine)
      return []
    } catch {
      return error.problems
    }
  }

  private let machine = MachineSize(cores: 2, memoryByteCount: 16 << 30)

  private func dataset(_ distinct: Int?, of compared: Int) -> DatasetSize {
    var size = DatasetSize(pictures: 2_000, medianShortSide: 32)
    (size.distinctPictures, size.comparedPictures) = (distinct, compared)
    return size
  }

  @Test func `pictures that differ are counted once each`() {
    let sample = (0..<60).map { picture($0 % 5) }
    let found = PictureLikeness(sample, of: Array(0..<60)) { sample[$0] }
    #expect(found.compared == 60 && found.distinct == 5)
  }

  @Test func `where a sample finds hardly any that differ more are looked at`() {
    let few = (0..<20).map { _ in picture(1) }
    let found = PictureLikeness(few, of: Array(0..<5_000)) { picture($0 % 7) }
    #expect(found.compared == PictureLikeness.pictureLimit && found.distinct == 7)
  }

  @Test(arguments: [1, 2])
  func `copies of one or two are refused where an embedding is whitened, and not elsewhere`(
    distinct: Int
  ) throws {
    let copies = dataset(distinct, of: 2_000)
    let problem = try #require(problems(["preset": "small"], copies).first)
    #expect(problem.field == "dataset" && problem.code == .tooFewPictures)
    #expect(problem.allowed.contains("representation"))
    #expect(problems(["preset": "small", "embedding": "representation"], copies).isEmpty)
    #expect(problems(["preset": "small"], dataset(nil, of: 0)).isEmpty)
  }

  @Test func `three that differ are taken, with a warning as long as half are copies`() throws {
    func warnings(_ distinct: Int) throws -> [String] {
      try RecipeRequest(reading: ["preset": "small"])
        .resolve(dataset: dataset(distinct, of: 200), machine: machine).warnings
        .filter { $0.contains("copies") }
    }
    let few = try #require(try warnings(3).first)
    #expect(few.contains("only 3 differ") && few.contains("at most 2 can differ from 0"))
    #expect(try warnings(100).count == 1)
    #expect(try warnings(101).isEmpty)
  }
}
