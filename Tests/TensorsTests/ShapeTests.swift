import Foundation
import Tensors
import Testing

/// Shapes, named tensors and thread budgets.
@Suite struct ShapeTests {
  @Test(
    arguments: [
      ([], 0, 1, "[]"), ([7], 1, 7, "[7]"), ([2, 3], 2, 6, "[2, 3]"),
      ([4, 0, 5], 3, 0, "[4, 0, 5]"), ([8, 64, 7, 7], 4, 25_088, "[8, 64, 7, 7]"),
    ] as [(Shape, Int, Int, String)])
  func `a shape knows its axes, its elements and its words`(
    _ shape: Shape, rank: Int, elementCount: Int, words: String
  ) {
    #expect(shape.rank == rank)
    #expect(shape.elementCount == elementCount)
    #expect(shape.description == words)
    #expect(shape == Shape(shape.dimensions))
  }

  @Test func `an axis counts from the beginning or from the end`() {
    let shape: Shape = [2, 3, 5, 7]
    #expect((0..<4).map { shape[$0] } == [2, 3, 5, 7])
    #expect((-4..<0).map { shape[$0] } == [2, 3, 5, 7])
  }

  @Test func `shapes of as many elements differ`() {
    #expect(Set([Shape([6]), [2, 3], [3, 2], [1, 6], [6, 1]]).count == 5)
  }

  @Test func `a shape travels as an array of integers`() throws {
    let shape: Shape = [8, 64, 7, 7]
    let bytes = try JSONEncoder().encode(shape)
    #expect(String(decoding: bytes, as: UTF8.self) == "[8,64,7,7]")
    #expect(try JSONDecoder().decode(Shape.self, from: bytes) == shape)
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(Shape.self, from: Data(#""8""#.utf8))
    }
  }

  @Test func `a negative dimension traps`() async {
    await #expect(processExitsWith: .failure) { _ = Shape([2, -1]) }
  }

  @Test func `a tensor of too few values traps`() async {
    await #expect(processExitsWith: .failure) {
      _ = NamedTensor(name: "w", shape: [2, 3], values: [1, 2, 3, 4, 5])
    }
  }

  @Test(arguments: [(-3, 1), (0, 1), (1, 1), (64, 64)])
  func `a budget has a thread at least`(asked: Int, count: Int) {
    #expect(ThreadBudget(asked).count == count)
  }
}
