import Foundation
import Images
import JSONTree
import Methods
import NeuralNetworks
import Recipes
import TensorGraph
import Testing

private let twoCores = MachineSize(cores: 2, memoryByteCount: 16 << 30)

private func resolve(_ members: JSONObject, pictures: Int = 20_000, shortSide: Int = 64) throws
  -> Recipe
{
  try RecipeRequest(reading: members)
    .resolve(
      dataset: DatasetSize(pictures: pictures, medianShortSide: shortSide), machine: twoCores
    )
    .recipe
}

/// The recipe for pictures of so many channels.
private func resolve(_ members: JSONObject, channels: Int) throws -> Recipe {
  let dataset = DatasetSize(pictures: 20_000, medianShortSide: 64, channels: channels)
  return try RecipeRequest(reading: members).resolve(dataset: dataset, machine: twoCores).recipe
}

@Suite struct `Recipe channels` {
  @Test func `the normalisation is the usual one of as many channels`() throws {
    #expect(try resolve([:], channels: 3).augmentations.normalization == Normalization())
    let five = try resolve(["augmentations": ["first": ["hue": 0.05]]], channels: 5)
    #expect(five.channels == 5 && five.augmentations.first.hue == 0.05)
    #expect(five.augmentations.normalization.mean == [0.5, 0.5, 0.5, 0.5, 0.5])
    #expect(five.augmentations.normalization.deviation == [0.25, 0.25, 0.25, 0.25, 0.25])
  }

  @Test func `a normalisation that is given must have as many numbers`() throws {
    func members(_ mean: JSONValue, _ deviation: JSONValue) -> JSONObject {
      ["augmentations": ["normalization": ["mean": mean, "deviation": deviation]]]
    }
    let given = try resolve(members([0.1, 0.2], [0.3, 0.4]), channels: 2)
    #expect(given.augmentations.normalization.deviation == [0.3, 0.4])
    for (mean, deviation, field) in [
      ([0.1], [0.3, 0.4], "mean"), ([0.1, 0.2], [0.3, 0.4, 0.5], "deviation"),
      ([0.1, 0.2, 0.3], [0.3, 0.4], "mean"),
    ] as [(JSONValue, JSONValue, String)] {
      let error = #expect(throws: RecipeProblems.self) {
        try resolve(members(mean, deviation), channels: 2)
      }
      #expect(error?.problems.map(\.field) == ["augmentations.normalization.\(field)"])
      #expect(error?.problems.first?.code == .conflict)
    }
  }

  @Test func `a dataset's size of an earlier version has three channels`() throws {
    let earlier = Array(#"{"pictures": 9, "medianShortSide": 8}"#.utf8)
    let size = try JSONDecoder().decode(DatasetSize.self, from: Data(earlier))
    #expect(size == DatasetSize(pictures: 9, medianShortSide: 8, channels: 3))
    let now = DatasetSize(pictures: 9, medianShortSide: 8, channels: 5)
    let encoded = try JSONEncoder().encode(now)
    #expect(try JSONDecoder().decode(DatasetSize.self, from: encoded) == now)
  }
}

private func problems(_ members: JSONObject, pictures: Int = 20_000) -> [FieldProblem] {
  do {
    _ = try resolve(members, pictures: pictures)
    return []
  } catch let error as RecipeProblems {
    return error.problems
  } catch {
    return []
  }
}

@Suite struct `Recipe presets` {
  @Test(arguments: [
    ("paper-40", 40, 0.45, 1e-6, 0.97), ("paper-100", 100, 0.45, 1e-6, 0.99),
    ("paper-300", 300, 0.30, 1e-6, 0.99), ("paper-1000", 1000, 0.20, 1.5e-6, 0.996),
  ])
  func `the paper's values by number of epochs`(
    preset: String, epochs: Int, rate: Double, decay: Double, tau: Double
  ) throws {
    let recipe = try resolve(["preset": .string(preset)], pictures: 1_281_167, shortSide: 400)
    #expect(
      recipe.epochs == epochs && recipe.batchSize == 4096
        && recipe.warmupEpochs == min(10, Double(epochs) / 10))
    #expect(recipe.baseLearningRate == rate && recipe.weightDecay == decay && recipe.baseTau == tau)
    #expect(recipe.optimizer == .lars && recipe.momentum == 0.9 && recipe.trustCoefficient == 1e-3)
    #expect(
      recipe.encoder == EncoderConfiguration(architecture: .resnet50, width: 1, stem: .imagenet))
    #expect(
      recipe.imageSize == 224 && recipe.projectorHidden == 4096 && recipe.projectorOutput == 256)
  }

  @Test func `the authors' recipe for Imagenette`() throws {
    let recipe = try resolve(["preset": "imagenette"], pictures: 9469, shortSide: 320)
    #expect(recipe.epochs == 1000 && recipe.batchSize == 256 && recipe.imageSize == 128)
    #expect(recipe.baseLearningRate == 2 && recipe.weightDecay == 1e-6 && recipe.optimizer == .lars)
    #expect(recipe.encoder.architecture == .resnet18)
  }

  @Test(arguments: [
    (28, 32, "cifar"), (32, 32, "cifar"), (64, 32, "cifar"), (100, 48, "cifar"), (400, 64, "cifar"),
  ])
  func `the views follow the pictures' size`(shortSide: Int, imageSize: Int, stem: String) throws {
    let recipe = try resolve([:], shortSide: shortSide)
    #expect(recipe.imageSize == imageSize)
    #expect(recipe.encoder.stem.rawValue == stem)
    #expect(recipe.encoder.architecture == .resnet18 && recipe.optimizer == .adamw)
    // Whole pictures are embedded at up to twice the side, where they have so many pixels.
    #expect(recipe.embeddingSize == max(imageSize, min(2 * imageSize, shortSide)))
  }

  @Test(arguments: [(29, 2, 32), (30, 2, 64), (29, 16, 192)])
  func `a short run on few processors has small views, and embeds what is large`(
    minutes: Int, cores: Int, side: Int
  ) throws {
    let recipe = try RecipeRequest(reading: ["minutes": .integer(Int64(minutes))]).resolve(
      dataset: DatasetSize(pictures: 20_000, medianShortSide: 400),
      machine: MachineSize(cores: cores, memoryByteCount: 64 << 30), picturesPerSecond: { _ in 100 }
    ).recipe
    #expect(recipe.imageSize == side)
    #expect(recipe.embeddingSize == (cores < 16 ? 128 : 384))
  }

  @Test(arguments: [
    (50_000, 32, true, 1024), (50_000, 32, false, 512), (50_000, 64, true, 512),
    (6_000, 32, true, 750), (1_000, 32, true, 500), (500, 32, nil, 250),
  ])
  func `many small pictures with an upright fit more components`(
    pictures: Int, side: Int, hasUpright: Bool?, components: Int
  ) throws {
    var dataset = DatasetSize(pictures: pictures, medianShortSide: side)
    dataset.hasUpright = hasUpright
    let recipe = try RecipeRequest(reading: [:]).resolve(dataset: dataset, machine: twoCores).recipe
    #expect(recipe.whitenedDimension == components && recipe.embeddingDimension == components)
  }

  @Test(arguments: [(2, 0.25), (7, 0.25), (8, 0.5), (15, 0.5), (16, 1)])
  func `the width follows the processors, with small`(cores: Int, width: Double) throws {
    func chosen(_ members: JSONObject) throws -> Double {
      try RecipeRequest(reading: members).resolve(
        dataset: DatasetSize(pictures: 20_000, medianShortSide: 64),
        machine: MachineSize(cores: cores, memoryByteCount: 64 << 30)
      ).recipe.encoder.width
    }
    #expect(try chosen([:]) == width)
    #expect(try chosen(["preset": "imagenette"]) == 1)
  }

  @Test func `small learns with negatives and mild views, the papers' presets as the papers`()
    throws
  {
    let small = try resolve([:])
    #expect(
      small.method.rawValue == "byol" && small.negativesWeight == 1 && small.temperature == 0.2)
    #expect(small.rateSchedule == .oneCycle && small.embedding == .whitened)
    #expect(small.augmentations.first == .mild && small.augmentations.second == .mild)
    #expect(try resolve(["method": "simclr"]).negativesWeight == 0)
    #expect(try resolve(["optimizer": "sgd"]).rateSchedule == .cosine)
    let paper = try resolve(["preset": "paper-100"], shortSide: 400)
    #expect(paper.negativesWeight == 0 && paper.embedding == .representation)
    #expect(paper.augmentations.first == .paperFirst && paper.augmentations.second == .paperSecond)
    #expect(paper.rateSchedule == .cosine && paper.embeddingSize == paper.imageSize)
  }

  @Test func `what was measured of the pictures decides with small, and only there`() throws {
    var dataset = DatasetSize(pictures: 20_000, medianShortSide: 64)
    var own = Normalization()
    own.mean = [0.1, 0.2, 0.3]
    (dataset.normalization, dataset.hasUpright) = (own, false)
    func augmentations(_ members: JSONObject) throws -> Augmentations {
      try RecipeRequest(reading: members).resolve(dataset: dataset, machine: twoCores)
        .recipe.augmentations
    }
    let small = try augmentations([:])
    #expect(small.normalization == own)
    #expect(
      small.first.verticalFlipProbability == 0.5 && small.second.quarterTurnProbability == 0.5)
    let paper = try augmentations(["preset": "imagenette"])
    #expect(paper.normalization == Normalization() && paper.first == .paperFirst)
    dataset.hasUpright = true
    #expect(try augmentations([:]).first == .mild)
  }

  @Test(arguments: [(16, 8), (100, 32), (511, 128), (512, 256), (100_000, 256)])
  func `the batch fits the dataset twice`(pictures: Int, batch: Int) throws {
    let recipe = try resolve([:], pictures: pictures)
    #expect(recipe.batchSize == batch)
    #expect(recipe.stepsPerEpoch >= 2)
  }

  @Test func `the batch fits half of the memory`() throws {
    let small = MachineSize(cores: 2, memoryByteCount: 4 << 30)
    let recipe = try RecipeRequest(reading: ["architecture": "resnet50", "image_size": 224])
      .resolve(dataset: DatasetSize(pictures: 20_000, medianShortSide: 400), machine: small).recipe
    #expect(recipe.batchSize < 256 && recipe.trainingByteCount <= 2 << 30)
    var doubled = recipe
    doubled.batchSize *= 2
    #expect(doubled.trainingByteCount > 2 << 30)
  }

  @Test func `few pictures get more epochs`() throws {
    #expect(try resolve([:], pictures: 20_000).epochs == 100)
    #expect(try resolve([:], pictures: 1024).totalSteps == 1000)
  }

  @Test func `another optimizer brings its own rate`() throws {
    let recipe = try resolve(["optimizer": "lars"])
    #expect(recipe.baseLearningRate == 2 && recipe.weightDecay == 1e-6)
    #expect(try resolve(["optimizer": "lars", "base_learning_rate": 0.5]).baseLearningRate == 0.5)
  }

  @Test func `warm-up is at most a tenth of the run`() throws {
    #expect(try resolve(["epochs": 5]).warmupEpochs == 0.5)
    #expect(try resolve(["epochs": 400]).warmupEpochs == 10)
  }

  @Test func `precision is the processor's fastest, and no faster`() throws {
    func precision(_ asked: JSONValue, on best: Precision) throws -> Precision {
      var machine = twoCores
      machine.precision = best
      let request = try RecipeRequest(reading: ["precision": asked])
      return try request.resolve(
        dataset: DatasetSize(pictures: 20_000, medianShortSide: 64), machine: machine
      ).recipe.precision
    }
    #expect(try precision("auto", on: .float32) == .float32)
    #expect(try precision("auto", on: .bfloat16) == .bfloat16)
    #expect(try precision("float32", on: .bfloat16) == .float32)
    #expect(throws: RecipeProblems.self) { try precision("bfloat16", on: .float32) }
  }

  @Test func `null and auto mean absent`() throws {
    #expect(try resolve(["epochs": "auto", "width": .null]) == resolve([:]))
  }

  @Test func `what is given is kept`() throws {
    let recipe = try resolve([
      "preset": "small", "seed": 7, "architecture": "resnet34", "width": 0.5, "stem": "cifar",
      "image_size": 40, "projector_hidden": 512, "projector_output": 64, "predictor_hidden": 256,
      "batch_size": 100, "epochs": 3, "optimizer": "lars", "base_learning_rate": 1,
      "weight_decay": 0, "momentum": 0.5, "trust_coefficient": 0.02, "warmup_epochs": 1.5,
      "base_tau": 0.9, "tau_schedule": "constant", "checkpoint_every_steps": 50,
      "checkpoint_every_seconds": 30, "precision": "float32",
      "augmentations": ["second": ["hue": 0.2, "crop_area": [0.2, 1]]],
    ])
    #expect(recipe.seed == 7 && recipe.batchSize == 100 && recipe.tau(step: 10) == 0.9)
    #expect(
      recipe.encoder == EncoderConfiguration(architecture: .resnet34, width: 0.5, stem: .cifar))
    #expect(recipe.augmentations.second.hue == 0.2 && recipe.augmentations.first.hue == 0.02)
    #expect(recipe.augmentations.second.cropArea == [0.2, 1])
    #expect(recipe.augmentations.second.solarizeProbability == 0)
    #expect(try Recipe(decoding: recipe.encoded) == recipe)
  }

  @Test func `a recipe of a newer format is refused`() throws {
    var recipe = try resolve([:])
    recipe.formatVersion = Recipe.currentFormatVersion + 1
    #expect(throws: RecipeFileError.newerFormat(found: 2, known: 1)) {
      try Recipe(decoding: recipe.encoded)
    }
    #expect(throws: RecipeFileError.self) { try Recipe(decoding: Array("{}".utf8)) }
  }
}

@Suite struct `Recipe problems` {
  @Test(
    arguments: [
      ("batchsize", 1, .unknownField), ("epochs", "ten", .wrongType), ("epochs", 0, .outOfRange),
      ("epochs", 1.5, .outOfRange), ("batch_size", 8192, .outOfRange), ("width", 5, .outOfRange),
      ("width", true, .wrongType), ("architecture", "vit", .unknownValue),
      ("preset", 3, .wrongType),
      ("base_tau", 1.1, .outOfRange), ("seed", -1, .outOfRange), ("momentum", 1, .outOfRange),
      ("warmup_epochs", 200, .conflict), ("augmentations", [1], .wrongType),
      ("image_size", 513, .outOfRange),
    ] as [(String, JSONValue, FieldProblem.Code)])
  func `one bad field is named with its value and what is allowed`(
    field: String, value: JSONValue, code: FieldProblem.Code
  ) throws {
    var members = JSONObject()
    members[field] = value
    let problem = try #require(problems(members).first)
    #expect(problem.field == field && problem.code == code)
    #expect(problem.value.doubleValue == value.doubleValue)
    #expect(!problem.allowed.isEmpty)
  }

  @Test func `every problem is listed, nested fields by their path`() {
    let found = problems([
      "epochs": -1, "augmentations": ["first": ["hue": 0.7, "blur": 1], "third": [:]],
    ])
    #expect(
      found.map(\.field) == [
        "epochs", "augmentations.third", "augmentations.first.blur", "augmentations.first.hue",
      ])
  }

  @Test func `fields of others are left alone`() throws {
    _ = try RecipeRequest(reading: ["dataset": "x", "epochs": 3], besides: ["dataset"])
  }

  @Test func `a batch that the dataset does not fill twice is a problem of the batch`() throws {
    let problem = try #require(problems(["batch_size": 64], pictures: 127).first)
    #expect(problem.field == "batch_size" && problem.code == .tooFewPictures)
    #expect(problem.allowed.contains("at most 63") && problem.allowed.contains("127"))
    #expect(problems(["batch_size": 64], pictures: 128).isEmpty)
  }

  @Test func `a dataset too small for any batch is a problem of the dataset`() throws {
    let problem = try #require(problems([:], pictures: 15).first)
    #expect(problem.field == "dataset" && problem.code == .tooFewPictures)
    #expect(problem.allowed.contains("16"))
  }

  @Test func `views under 32 pixels need the cifar stem`() throws {
    let problem = try #require(problems(["image_size": 24, "stem": "imagenet"]).first)
    #expect(problem.field == "image_size" && problem.code == .conflict)
    #expect(problems(["image_size": 24]).isEmpty)
  }
}

@Suite struct `Recipe schedules` {
  /// 40 updates an epoch, 100 epochs: 4000 updates, 400 of them warm-up, peak 0.9.
  private func recipe(_ more: JSONObject = [:]) throws -> Recipe {
    var members: JSONObject = [
      "batch_size": 512, "epochs": 100, "warmup_epochs": 10, "base_learning_rate": 0.45,
      "base_tau": 0.99, "rate_schedule": "cosine",
    ]
    for member in more.members { members[member.name] = member.value }
    return try resolve(members, pictures: 512 * 40 + 511)
  }

  @Test func `steps leave the incomplete batch out`() throws {
    let recipe = try recipe()
    #expect(recipe.stepsPerEpoch == 40 && recipe.totalSteps == 4000 && recipe.warmupSteps == 400)
    #expect(recipe.epoch(step: 39) == 0 && recipe.epoch(step: 40) == 1)
  }

  private static let rates: [(step: Int, rate: Double)] = [
    (0, 0), (1, 0.00225), (200, 0.45), (399, 0.89775), (400, 0.9), (2200, 0.45),
    (1300, 0.45 + 0.45 * 0.7071067811865476), (4000, 0), (5000, 0),
  ]

  @Test(arguments: rates)
  func `the rate rises linearly and falls along a cosine`(step: Int, expected: Double) throws {
    #expect(abs(try recipe().learningRate(step: step) - expected) < 1e-12)
  }

  @Test func `without warm-up the rate begins at its peak`() throws {
    #expect(try recipe(["warmup_epochs": 0]).learningRate(step: 0) == 0.9)
  }

  @Test func `a run that is all warm-up is still defined`() throws {
    let recipe = try recipe(["warmup_epochs": 100])
    #expect(recipe.learningRate(step: 2000) == 0.45 && recipe.learningRate(step: 4000) == 0.9)
  }

  private static let taus: [(step: Int, tau: Double)] = [
    (0, 0.99), (1000, 1 - 0.005 * 1.7071067811865476), (2000, 0.995), (4000, 1), (9000, 1),
  ]

  @Test(arguments: taus)
  func `tau goes from its base to 1`(step: Int, expected: Double) throws {
    #expect(abs(try recipe().tau(step: step) - expected) < 1e-15)
  }

  @Test func `a constant tau stays`() throws {
    let recipe = try recipe(["tau_schedule": "constant"])
    #expect(recipe.tau(step: 0) == 0.99 && recipe.tau(step: 3999) == 0.99)
  }
}
