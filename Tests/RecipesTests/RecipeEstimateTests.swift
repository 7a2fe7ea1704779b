import JSONTree
import NeuralNetworks
import Recipes
import Testing

@Suite struct `Recipe estimates` {
  /// torchvision's counts less the last layer.
  @Test(
    arguments: [
      (.resnet18, 11_176_512), (.resnet34, 21_284_672), (.resnet50, 23_508_032),
      (.resnet101, 42_500_160), (.resnet152, 58_143_808),
    ] as [(EncoderConfiguration.Architecture, Int)])
  func `an encoder has as many weights as torchvision's`(
    architecture: EncoderConfiguration.Architecture, count: Int
  ) {
    let encoder = EncoderConfiguration(architecture: architecture)
    #expect(encoder.parameterCount(channels: 3) == count)
    #expect(encoder.parameterCount(channels: 5) == count + 2 * 64 * 49)
  }

  @Test func `time follows from the measured speed`() throws {
    let recipe = try RecipeRequest(reading: [
      "preset": "imagenette", "batch_size": 64, "epochs": 10,
    ])
    .resolve(
      dataset: DatasetSize(pictures: 1000, medianShortSide: 32),
      machine: MachineSize(cores: 2, memoryByteCount: 8 << 30)
    ).recipe
    let estimate = recipe.estimate(imagesPerSecond: 48)
    #expect(estimate.steps == 150 && estimate.seconds == 150 * 64 / 48)
    #expect(recipe.estimate().seconds == nil)
    #expect(estimate.memoryBytes > 500 << 20 && estimate.diskBytes > 500 << 20)
  }
}
