import Images
import JSONTree
import Methods
import NeuralNetworks
import Recipes
import Testing

private func resolve(
  _ members: JSONObject, speed: Double = 200, classes: Int? = 10
) throws -> Recipe {
  var dataset = DatasetSize(pictures: 12_800, medianShortSide: 64)
  dataset.classes = classes
  return try RecipeRequest(reading: members).resolve(
    dataset: dataset,
    machine: MachineSize(cores: 2, memoryByteCount: 16 << 30), picturesPerSecond: { _ in speed }
  ).recipe
}

private func problems(_ members: JSONObject, classes: Int? = 10) -> [String] {
  do {
    _ = try resolve(members, classes: classes)
    return []
  } catch {
    return (error as? RecipeProblems)?.problems.map(\.field) ?? ["\(error)"]
  }
}

@Suite struct `Recipes of methods` {
  @Test(arguments: MethodName.allCases)
  func `a recipe names its method, and records that method's update`(method: MethodName) throws {
    let recipe = try resolve([
      "method": .string(method.rawValue), "batch_size": 4, "image_size": 8, "stem": "cifar",
      "width": 0.25, "projector_hidden": 8, "projector_output": 8, "predictor_hidden": 8,
    ])
    #expect(recipe.method == method && type(of: recipe.learning) == method.type)
    let modules = Set(recipe.update.variables.filter { $0.network == "online" }.map(\.module))
    #expect(modules.contains("predictor") == method.type.options.contains(.predictor))
    #expect(recipe.update.hasTau == method.type.options.contains(.tau))
    #expect(try Recipe(decoding: recipe.encoded) == recipe)
  }

  @Test func `terms and local views are refused where the method has none`() {
    #expect(problems(["method": "byol", "negatives_weight": 1, "local_views": 2]) == [])
    #expect(problems(["method": "simclr", "local_views": 2]) == [])
    #expect(problems(["method": "simsiam", "local_views": 2]) == ["local_views"])
    for term in ["negatives_weight", "variance_weight", "covariance_weight"] {
      #expect(problems(["method": "simclr", term: 1]) == [term])
      #expect(problems(["method": "mean-teacher", term: 1]) == [])
    }
    #expect(
      problems(["stem": "imagenet", "local_views": 2, "local_size": 16, "image_size": 64])
        == ["local_size"])
    #expect(
      problems(["stem": "imagenet", "embedding_size": 16, "image_size": 64]) == ["embedding_size"])
  }

  @Test func `labels are needed where they are learned from, and forgotten elsewhere`() throws {
    #expect(try resolve(["method": "supervised"]).classes == 10)
    #expect(try resolve(["method": "byol"]).classes == 0)
    #expect(try resolve(["method": "byol"], classes: nil).classes == 0)
    for classes in [nil, 1, 10_001] {
      #expect(problems(["method": "supervised"], classes: classes) == ["method"])
    }
    #expect(problems(["method": "supervised", "local_views": 2]) == ["local_views"])
  }

  @Test func `parts of a batch divide it, and take less memory`() throws {
    let whole = try resolve(["batch_size": 64])
    let parts = try resolve(["batch_size": 64, "accumulation": 4])
    #expect((whole.accumulation, parts.accumulation) == (1, 4))
    #expect(parts.trainingByteCount < whole.trainingByteCount)
    for (accumulation, batch) in [(3, 64), (64, 64), (5, 8)] {
      #expect(
        problems([
          "batch_size": .integer(Int64(batch)), "accumulation": .integer(Int64(accumulation)),
        ])
          == ["accumulation"])
    }
    #expect(problems(["batch_size": 64, "accumulation": 32]) == [])
    #expect(problems(["accumulation": 0]) == ["accumulation"])
    #expect(problems(["accumulation": 65]) == ["accumulation"])
  }

  @Test func `views that grow cost less time and no less memory, and never shrink`() throws {
    let plain = try resolve(["image_size": 64, "minutes": 5])
    let growing = try resolve(["image_size": 64, "minutes": 5, "starting_size": 32])
    #expect(plain.startingSize == 64 && plain.stages.count == 1)
    #expect(growing.stages.map(\.recipe.imageSize) == [32, 48, 64])
    // (32² + 48² + 64²) / (3 · 64²)
    let share = 29.0 / 48
    #expect(abs(Double(plain.updates) / Double(growing.updates) - share) < 0.01)
    #expect(growing.trainingByteCount > plain.trainingByteCount)
    let (whole, batch) = (growing.totalSteps, Double(growing.batchSize))
    #expect(plain.picturesLeft(after: 0) == Double(plain.totalSteps) * batch)
    #expect(abs(growing.picturesLeft(after: 0, side: 64) / (Double(whole) * batch) - share) < 0.01)
    // At the speed of the small views all that is left takes longer than as many updates of them.
    #expect(growing.picturesLeft(after: 1) > 2 * Double(whole - 1) * batch)
    #expect(
      growing.picturesLeft(after: whole - 1) == batch && growing.picturesLeft(after: whole) == 0)
    #expect(problems(["image_size": 32, "starting_size": 64]) == ["starting_size"])
    #expect(
      problems(["stem": "imagenet", "image_size": 64, "starting_size": 16]) == ["starting_size"])
    #expect(problems(["starting_strength": 1.5]) == ["starting_strength"])
  }

  @Test func `local views follow the global ones`() throws {
    let recipe = try resolve(["local_views": 6, "image_size": 48, "local_size": 24])
    #expect(recipe.learning.views.map(\.side) == [48, 48, 24, 24, 24, 24, 24, 24])
    #expect(
      recipe.learning.views.dropFirst(2).allSatisfy { $0.augmentation.cropArea == [0.05, 0.25] })
  }

  @Test func `a term's weight falls from 1 to 0`() throws {
    func recipe(_ schedule: JSONValue) throws -> Recipe {
      try resolve(["updates": 100, "negatives_weight": 1, "terms_schedule": schedule])
    }
    let constant = try recipe("auto")
    #expect(constant.termWeight(step: 0) == 1 && constant.termWeight(step: 99) == 1)
    let linear = try recipe("linear")
    #expect([0, 25, 50, 100, 200].map(linear.termWeight) == [1, 0.75, 0.5, 0, 0])
    let cosine = try recipe("cosine")
    #expect(cosine.termWeight(step: 0) == 1 && abs(cosine.termWeight(step: 50) - 0.5) < 1e-12)
    #expect(cosine.termWeight(step: 100) == 0)
  }
}

@Suite struct `Lengths of runs` {
  @Test func `minutes become updates at the measured speed`() throws {
    let recipe = try resolve(["minutes": 5, "batch_size": 128])
    #expect(recipe.updates == Int(200.0 * 300 * 0.95) / 128 && recipe.totalSteps == recipe.updates)
    #expect(recipe.stepsPerEpoch == 100 && recipe.epochs == 5)
    #expect(try resolve(["minutes": 0.001, "batch_size": 128], speed: 1).totalSteps == 1)
  }

  @Test func `a run has one length`() {
    #expect(problems(["minutes": 5, "epochs": 3]) == ["epochs"])
    #expect(problems(["updates": 5, "epochs": 3]) == ["epochs"])
    #expect(problems(["minutes": 5, "updates": 3]) == ["updates"])
    #expect(problems(["minutes": 0, "updates": 0, "epochs": 3]) == [])
  }

  @Test func `updates may be fewer than an epoch's`() throws {
    let recipe = try resolve(["updates": 7, "batch_size": 128])
    #expect(recipe.totalSteps == 7 && recipe.epochs == 1)
    #expect(recipe.warmupSteps == 0 && recipe.tau(step: 7) == 1)
  }
}

@Suite struct `One-cycle` {
  /// What PyTorch 2's `OneCycleLR(max_lr: 0.5, total_steps: 40)` gives.
  @Test(arguments: [
    (0, 0.020000000000000018), (1, 0.029721686332520647), (5, 0.22584443881441152), (11, 0.5),
    (12, 0.4984280587611008), (25, 0.250001), (38, 0.0015739412388992423), (39, 2e-06),
  ])
  func `the learning rate is PyTorch's`(step: Int, rate: Double) throws {
    let recipe = try resolve([
      "updates": 40, "batch_size": 256, "base_learning_rate": 0.5, "rate_schedule": "one-cycle",
    ])
    #expect(abs(recipe.learningRate(step: step) - rate) < 1e-12)
    #expect(recipe.learningRate(step: 1000) == recipe.learningRate(step: 39))
  }
}
