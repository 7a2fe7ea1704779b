import Foundation
import Images
import Randomness
import Testing

@Suite struct ViewParametersTests {
  func draws(
    _ augmentation: ViewAugmentation, count: Int, width: Int = 200, height: Int = 150
  ) -> [ViewParameters] {
    (0..<count).map { index in
      var random = RandomStream(seed: 5, purpose: .augmentation, index: index)
      return ViewParameters(from: augmentation, width: width, height: height, using: &random)
    }
  }

  func share(_ draws: [ViewParameters], _ holds: (ViewParameters) -> Bool) -> Double {
    Double(draws.count(where: holds)) / Double(draws.count)
  }

  @Test func `the first view is always blurred and never solarized`() {
    let all = draws(.paperFirst, count: 2000)
    #expect(share(all) { $0.blurSigma != nil } == 1)
    #expect(share(all) { $0.solarizeThreshold != nil } == 0)
  }

  @Test func `probabilities are the paper's`() {
    let all = draws(.paperSecond, count: 4000)
    #expect(abs(share(all) { $0.flip } - 0.5) < 0.03)
    #expect(abs(share(all) { $0.blurSigma != nil } - 0.1) < 0.02)
    #expect(abs(share(all) { $0.solarizeThreshold == 0.5 } - 0.2) < 0.025)
    #expect(abs(share(all) { $0.colorChanges.contains(.gray) } - 0.2) < 0.025)
    #expect(abs(share(all) { $0.colorChanges.count >= 4 } - 0.8) < 0.025)
  }

  @Test func `turns have their probabilities, and both directions`() {
    var augmentation = ViewAugmentation.paperFirst
    let paper = draws(augmentation, count: 1000)
    #expect(paper.allSatisfy { !$0.verticalFlip && !$0.transpose })
    augmentation.quarterTurnProbability = 0.5
    let turned = draws(augmentation, count: 4000)
    #expect(abs(share(turned) { $0.transpose } - 0.5) < 0.03)
    #expect(abs(share(turned) { $0.transpose && $0.verticalFlip } - 0.25) < 0.03)
    #expect(abs(share(turned) { $0.flip } - 0.5) < 0.03)
    augmentation.verticalFlipProbability = 0.2
    augmentation.quarterTurnProbability = 0
    #expect(abs(share(draws(augmentation, count: 4000)) { $0.verticalFlip } - 0.2) < 0.025)
    // What was drawn before there were turns is drawn as before.
    #expect(
      zip(paper, turned).allSatisfy { $0.crop == $1.crop && $0.colorChanges == $1.colorChanges })
  }

  @Test func `crops keep to their areas and aspects and lie inside`() {
    var areas: [Double] = []
    for parameters in draws(.paperFirst, count: 3000) {
      let crop = parameters.crop
      #expect(crop.x >= 0 && crop.y >= 0 && crop.x + crop.width <= 200)
      #expect(crop.y + crop.height <= 150)
      let aspect = Double(crop.width) / Double(crop.height)
      #expect(aspect > 0.72 && aspect < 1.39)
      areas.append(Double(crop.width * crop.height) / 30_000)
    }
    #expect((areas.min() ?? 0) > 0.075 && (areas.min() ?? 1) < 0.1)
    #expect((areas.max() ?? 0) > 0.9)
    // Up to half of the picture every aspect fits, so that areas are uniform there.
    let small = areas.filter { $0 < 0.5 }
    #expect(abs(small.reduce(0, +) / Double(small.count) - 0.29) < 0.012)
  }

  @Test func `a picture that no crop fits gets its centre`() {
    for parameters in draws(.paperFirst, count: 50, width: 1, height: 400) {
      let crop = parameters.crop
      #expect(crop.width == 1 && crop.height >= 1 && crop.y + crop.height <= 400)
    }
  }

  @Test func `the four changes come in every order, their amounts in range`() {
    var orders: Set<[Int]> = []
    for parameters in draws(.paperFirst, count: 1500) where parameters.colorChanges.count >= 4 {
      orders.insert(
        parameters.colorChanges.prefix(4).map { change in
          switch change {
          case .brightness(let x):
            #expect(abs(x) <= 0.4)
            return 0
          case .contrast(let x):
            #expect(x >= 0.6 && x <= 1.4)
            return 1
          case .saturation(let x):
            #expect(x >= 0.8 && x <= 1.2)
            return 2
          case .hue(let x):
            #expect(abs(x) <= 0.1)
            return 3
          case .gray:
            return 4
          }
        })
    }
    #expect(orders.count == 24 && orders.allSatisfy { Set($0) == [0, 1, 2, 3] })
  }

  @Test func `a change without a range is left out`() {
    var augmentation = ViewAugmentation.paperFirst
    augmentation.hue = 0
    augmentation.grayscaleProbability = 0
    augmentation.colorJitterProbability = 1
    #expect(draws(augmentation, count: 50).allSatisfy { $0.colorChanges.count == 3 })
  }

  @Test func `weaker changes are smaller, and at strength 0 a view is the picture, flipped or not`()
  {
    func drawn(_ strength: Float) -> [ViewParameters] {
      let renderer = ViewRenderer(
        augmentation: .paperSecond, normalization: Normalization(), side: 32)
      return (0..<200).map {
        renderer.parameters(
          width: 64, height: 64, seed: 3, epoch: 0, picture: $0, view: 1, strength: strength)
      }
    }
    func meanArea(_ views: [ViewParameters]) -> Double {
      views.reduce(0) { $0 + Double($1.crop.width * $1.crop.height) } / 200 / (64 * 64)
    }
    let (none, half, full) = (drawn(0), drawn(0.5), drawn(1))
    #expect(none.allSatisfy { $0.colorChanges.isEmpty && $0.blurSigma == nil })
    #expect(none.allSatisfy { $0.solarizeThreshold == nil })
    #expect(none.contains { $0.flip } && none.contains { !$0.flip })
    // The square is 0.54 of the picture on average at full strength, 0.77 at half; near the whole at none.
    #expect(meanArea(full) < meanArea(half) && meanArea(half) < meanArea(none))
    #expect(meanArea(none) > 0.9)
    let largest = { (views: [ViewParameters]) in
      views.flatMap(\.colorChanges).reduce(Float(0)) { largest, change in
        if case .hue(let turn) = change { max(largest, abs(turn)) } else { largest }
      }
    }
    #expect(largest(half) <= 0.05 && largest(full) > 0.08)
    #expect(half.count { $0.solarizeThreshold != nil } < full.count { $0.solarizeThreshold != nil })
  }

  @Test func `the strength grows in a straight line over the run`() {
    let growth = AugmentationGrowth(first: 0.2, updates: 10)
    #expect([0, 5, 10, 99].map { growth.strength(step: $0) } == [0.2, 0.6, 1, 1])
    #expect([0, 7].map { AugmentationGrowth.none.strength(step: $0) } == [1, 1])
  }
}
