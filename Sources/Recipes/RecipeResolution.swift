public import Images
import JSONTree
import NeuralNetworks
import TensorGraph

/// What `auto` becomes where the preset leaves it to the dataset and the machine.
enum AutomaticChoice {
  /// Sides that views are given.
  static let imageSizes = [32, 48, 64, 96, 128, 160, 192, 224]
  /// The greatest automatic side on a machine of fewer than `manyCores` cores.
  static let imageSizeOnFewCores = 128
  /// From this number of cores on the machine does not limit the side.
  static let manyCores = 16
  /// Up to this side the stem is the one without strides and pooling.
  static let greatestSizeForCifarStem = 48
  /// The greatest automatic batch.
  static let greatestBatch = 256
  /// The least automatic batch; smaller ones starve batch norm.
  static let leastBatch = 8
  /// Epochs, unless the dataset is so small that they are fewer than `leastSteps` updates.
  static let epochs = 100
  /// Updates below which the epochs are raised, up to `greatestEpochs`.
  static let leastSteps = 1000
  /// The greatest automatic number of epochs.
  static let greatestEpochs = 1000
  /// Warm-up in epochs, unless that is more than a tenth of the run.
  static let warmupEpochs = 10.0
  /// Seconds between checkpoints.
  static let checkpointEverySeconds = 120.0
  /// From this number of epochs on τ starts at 0.996 instead of 0.99.
  static let epochsForHighTau = 1000

  static func imageSize(_ dataset: DatasetSize, _ machine: MachineSize) -> Int {
    let bound = machine.cores < manyCores ? imageSizeOnFewCores : imageSizes[imageSizes.count - 1]
    let fitting = imageSizes.filter { $0 <= dataset.medianShortSide && $0 <= bound }
    return fitting.last ?? imageSizes[0]
  }

  /// The greatest power of two that fits the dataset twice and half of the memory.
  static func batchSize(_ dataset: DatasetSize, fits: (Int) -> Bool) -> Int {
    var batch = greatestBatch
    while batch > leastBatch
      && (batch * RecipeLimits.batchesInDataset > dataset.pictures || !fits(batch))
    {
      batch /= 2
    }
    return batch
  }

  static func epochs(stepsPerEpoch: Int) -> Int {
    let needed = (leastSteps + stepsPerEpoch - 1) / max(1, stepsPerEpoch)
    return min(max(epochs, needed), greatestEpochs)
  }
}

extension RecipeRequest {
  /// Turns the request into a frozen recipe for a dataset, as this machine can run it.
  ///
  /// A pure function: the same request, dataset and machine give the same recipe.
  ///
  /// - Throws: `RecipeProblems` where fields contradict each other or the dataset.
  public func resolve(dataset: DatasetSize, machine: MachineSize) throws(RecipeProblems)
    -> ResolvedRecipe
  {
    let recipe = recipe(dataset: dataset, machine: machine)
    let problems = recipe.conflicts(with: self, dataset, machine)
    guard problems.isEmpty else { throw RecipeProblems(problems: problems) }
    return ResolvedRecipe(recipe: recipe, warnings: recipe.warnings(dataset, machine))
  }

  /// What a run's views depend on: their side, their distributions and the seed. The rest of the request may contradict
  /// itself or the dataset.
  ///
  /// - Throws: `RecipeProblems` where the normalisation is for pictures of other channels.
  public func viewSettings(
    dataset: DatasetSize, machine: MachineSize
  ) throws(RecipeProblems) -> (imageSize: Int, augmentations: Augmentations, seed: UInt64) {
    let recipe = recipe(dataset: dataset, machine: machine)
    if let problem = recipe.normalizationConflict(dataset) {
      throw RecipeProblems(problems: [problem])
    }
    return (recipe.imageSize, recipe.augmentations, recipe.seed)
  }

  private func recipe(dataset: DatasetSize, machine: MachineSize) -> Recipe {
    let preset = preset.given ?? .small
    let values = preset.values
    let imageSize =
      imageSize.given ?? values.imageSize ?? AutomaticChoice.imageSize(dataset, machine)
    let encoder = encoder(values, imageSize: imageSize)
    let batch =
      batchSize.given ?? values.batchSize
      ?? AutomaticChoice.batchSize(dataset) { batch in
        encoder.trainingByteCount(imageSize: imageSize, batchSize: batch)
          <= machine.memoryByteCount / 2
      }
    let epochs =
      epochs.given ?? values.epochs
      ?? AutomaticChoice.epochs(stepsPerEpoch: dataset.pictures / batch)
    let optimizer = optimizer.given ?? values.optimizer
    let usual =
      optimizer == values.optimizer ? values.optimization : PresetValues.usual(optimizer)
    return Recipe(
      preset: preset, seed: seed.given ?? 0, pictures: dataset.pictures, encoder: encoder,
      imageSize: imageSize, projectorHidden: projectorHidden.given ?? 4096,
      projectorOutput: projectorOutput.given ?? 256,
      predictorHidden: predictorHidden.given ?? 4096, batchSize: batch, epochs: epochs,
      optimizer: optimizer,
      baseLearningRate: baseLearningRate.given ?? usual.baseLearningRate,
      weightDecay: weightDecay.given ?? usual.weightDecay, momentum: momentum.given ?? 0.9,
      trustCoefficient: trustCoefficient.given ?? 1e-3,
      warmupEpochs: warmupEpochs.given
        ?? min(AutomaticChoice.warmupEpochs, Double(epochs) / 10),
      baseTau: baseTau.given ?? values.baseTau
        ?? (epochs >= AutomaticChoice.epochsForHighTau ? 0.996 : 0.99),
      tauSchedule: tauSchedule.given ?? .cosine,
      augmentations: augmentations(channels: dataset.channels),
      checkpointEverySteps: checkpointEverySteps.given ?? 0,
      checkpointEverySeconds: checkpointEverySeconds.given
        ?? AutomaticChoice.checkpointEverySeconds,
      precision: precision.given ?? machine.precision, memory: memory.given ?? .full)
  }

  /// The augmentations; where nothing else was asked for, the normalisation is the usual one of that many channels.
  private func augmentations(channels: Int) -> Augmentations {
    var augmentations = augmentations.given ?? Augmentations()
    if augmentations.normalization == Normalization() {
      augmentations.normalization = Normalization(channels: channels)
    }
    return augmentations
  }

  private func encoder(_ values: PresetValues, imageSize: Int) -> EncoderConfiguration {
    let automaticStem: EncoderConfiguration.Stem =
      imageSize <= AutomaticChoice.greatestSizeForCifarStem ? .cifar : .imagenet
    return EncoderConfiguration(
      architecture: architecture.given ?? values.architecture, width: width.given ?? 1,
      stem: stem.given ?? automaticStem)
  }
}

// MARK: - Checks

extension Recipe {
  fileprivate func conflicts(
    with request: RecipeRequest, _ dataset: DatasetSize, _ machine: MachineSize
  ) -> [FieldProblem] {
    [
      pictureConflict(with: request, dataset: dataset), stemConflict, warmupConflict,
      precisionConflict(machine), normalizationConflict(dataset),
    ].compactMap { $0 }
  }

  fileprivate func normalizationConflict(_ dataset: DatasetSize) -> FieldProblem? {
    let normalization = augmentations.normalization
    for (name, numbers) in [("mean", normalization.mean), ("deviation", normalization.deviation)]
    where numbers.count != dataset.channels {
      return FieldProblem(
        field: "augmentations.normalization.\(name)",
        value: .array(numbers.map { .number(Double($0)) }),
        allowed: "\(dataset.channels) numbers: the pictures have as many channels",
        code: .conflict)
    }
    return nil
  }

  private func precisionConflict(_ machine: MachineSize) -> FieldProblem? {
    guard precision == .bfloat16, machine.precision != .bfloat16 else { return nil }
    return FieldProblem(
      field: "precision", value: .string(precision.rawValue),
      allowed: "auto or float32: this processor does not multiply bfloat16", code: .conflict)
  }

  private func pictureConflict(with request: RecipeRequest, dataset: DatasetSize) -> FieldProblem? {
    guard dataset.pictures < batchSize * RecipeLimits.batchesInDataset else { return nil }
    let most = dataset.pictures / RecipeLimits.batchesInDataset
    let least = batchSize * RecipeLimits.batchesInDataset
    let isAutomatic = request.batchSize.given == nil && preset == .small
    guard !isAutomatic, most >= RecipeLimits.batchSize.lowerBound else {
      return FieldProblem(
        field: "dataset", value: .integer(Int64(dataset.pictures)),
        allowed: "a dataset of at least \(least) training pictures, two batches of \(batchSize)",
        code: .tooFewPictures)
    }
    return FieldProblem(
      field: "batch_size", value: .integer(Int64(batchSize)),
      allowed: "at most \(most): the dataset has \(dataset.pictures) training pictures and must "
        + "fill two batches", code: .tooFewPictures)
  }

  private var stemConflict: FieldProblem? {
    guard encoder.stem == .imagenet, imageSize < RecipeLimits.imageSizeWithImagenetStem else {
      return nil
    }
    return FieldProblem(
      field: "image_size", value: .integer(Int64(imageSize)),
      allowed: "at least \(RecipeLimits.imageSizeWithImagenetStem) with the stem imagenet, "
        + "or the stem cifar", code: .conflict)
  }

  private var warmupConflict: FieldProblem? {
    guard warmupEpochs > Double(epochs) else { return nil }
    return FieldProblem(
      field: "warmup_epochs", value: .number(warmupEpochs), allowed: "at most epochs, \(epochs)",
      code: .conflict)
  }

  fileprivate func warnings(_ dataset: DatasetSize, _ machine: MachineSize) -> [String] {
    var warnings: [String] = []
    if batchSize < 64 {
      warnings.append(
        "A batch of \(batchSize) is small: the paper loses 13 points from 4096 to 64 pictures.")
    }
    if imageSize > 2 * dataset.medianShortSide {
      warnings.append(
        "Views of \(imageSize) pixels are more than twice the pictures' \(dataset.medianShortSide)."
      )
    }
    let byteCount = encoder.trainingByteCount(imageSize: imageSize, batchSize: batchSize)
    if byteCount > machine.memoryByteCount {
      warnings.append(
        "An update needs about \(byteCount >> 20) MiB; the machine has "
          + "\(machine.memoryByteCount >> 20) MiB.")
    }
    if tauSchedule == .constant && baseTau == 1 {
      warnings.append("With τ = 1 the target never moves.")
    }
    return warnings
  }
}
