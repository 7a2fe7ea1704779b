import JSONTree
import Methods
import NeuralNetworks
import OneDNNLowering
import Recipes
import TensorGraph
import Tensors
import Testing

@Suite struct `Recipe estimates` {
  private static let dataset = DatasetSize(pictures: 1000, medianShortSide: 32)
  private static let machine = MachineSize(cores: 2, memoryByteCount: 8 << 30)

  private static func recipe(
    _ fields: JSONObject, dataset: DatasetSize = Self.dataset
  ) throws -> Recipe {
    try RecipeRequest(reading: fields).resolve(dataset: dataset, machine: machine).recipe
  }

  /// torchvision's counts less the last layer.
  @Test(
    arguments: [
      ("resnet18", 11_176_512), ("resnet34", 21_284_672), ("resnet50", 23_508_032),
      ("resnet101", 42_500_160), ("resnet152", 58_143_808),
    ])
  func `an encoder has as many weights as torchvision's`(architecture: String, count: Int) throws {
    func encoderCount(channels: Int) throws -> Int {
      let recipe = try Self.recipe(
        [
          "preset": "imagenette", "architecture": .string(architecture), "stem": "imagenet",
          "batch_size": 8,
        ],
        dataset: DatasetSize(pictures: 1000, medianShortSide: 32, channels: channels))
      return recipe.update.learned.filter { $0.module == "encoder" }
        .reduce(0) { $0 + $1.shape.elementCount }
    }
    #expect(try encoderCount(channels: 3) == count)
    #expect(try encoderCount(channels: 1) == count - 2 * 64 * 49)
  }

  @Test func `time follows from the measured speed`() throws {
    let recipe = try Self.recipe(["preset": "imagenette", "batch_size": 64, "epochs": 10])
    let estimate = recipe.estimate(imagesPerSecond: 48)
    #expect(estimate.steps == 150 && estimate.seconds == 150 * 64 / 48)
    #expect(recipe.estimate().seconds == nil)
  }

  /// Those that this processor multiplies.
  private static let precisions: [Precision] =
    OneDNNLowering.bestPrecision == .bfloat16 ? [.float32, .bfloat16] : [.float32]

  /// A recipe whose memory is counted and compiled.
  private static let memoryCases: [JSONObject] = [
    ["preset": "small", "batch_size": 64],
    ["preset": "small", "batch_size": 64, "memory": "lean"],
    ["preset": "imagenette", "batch_size": 32, "image_size": 64],
    ["preset": "imagenette", "architecture": "resnet50", "batch_size": 16, "image_size": 64],
    ["preset": "imagenette", "method": "simclr", "batch_size": 64, "local_views": 2],
  ]

  /// The figure before anything is compiled is that of the compiled program, but for scratchpads and padding.
  @Test(arguments: memoryCases, precisions)
  func `the bytes of an update are those of the compiled program`(
    fields: JSONObject, precision: Precision
  ) throws {
    var recipe = try Self.recipe(fields)
    recipe.precision = precision
    let counted = recipe.updateSize
    let program = try OneDNNLowering(threads: ThreadBudget(2), precision: precision)
      .compile(recipe.update.graph)
    let inspection = try #require(program.inspection)
    let ratio = Double(counted.arenaByteCount) / Double(inspection.arenaByteCount)
    #expect((0.97...1.03).contains(ratio), "arena: \(ratio)")
    #expect(
      counted.multiplicationCount
        == inspection.steps.reduce(0) { $0 + $1.multiplicationCount })
  }

  @Test func `half the bits, a leaner update and fewer networks are counted as less`() throws {
    let full = try Self.recipe(["preset": "imagenette", "batch_size": 64])
    #expect(full.precision == .float32)
    var half = full
    half.precision = .bfloat16
    #expect(half.trainingByteCount < full.trainingByteCount)
    let lean = try Self.recipe(["preset": "imagenette", "batch_size": 64, "memory": "lean"])
    #expect(lean.trainingByteCount < full.trainingByteCount)
    let single = try Self.recipe(
      ["preset": "imagenette", "batch_size": 64, "method": "no-ema"])
    #expect(single.estimate().diskBytes < full.estimate().diskBytes)
  }
}
