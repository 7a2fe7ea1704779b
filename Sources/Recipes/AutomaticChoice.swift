import NeuralNetworks

/// What `auto` becomes where the preset leaves it to the dataset and the machine.
enum AutomaticChoice {
  /// Sides that views are given.
  static let imageSizes = [32, 48, 64, 96, 128, 160, 192, 224]
  /// The greatest automatic side on a machine of fewer than `manyCores` cores.
  static let imageSizeOnFewCores = 64
  /// Runs of fewer minutes have the least side on a machine of fewer than `manyCores` cores: decision 0043.
  static let minutesForLargerViews = 30.0
  /// From this number of cores on the machine does not limit the side.
  static let manyCores = 16
  /// Up to this side the stem is the one without strides and pooling.
  static let greatestSizeForCifarStem = 64
  /// The share of a run's time that its updates have; the rest is for checkpoints and for starting.
  static let updatesShareOfRun = 0.95
  /// The greatest automatic batch.
  static let greatestBatch = 256
  /// The least automatic batch; smaller ones starve batch norm.
  static let leastBatch = 8
  /// Components of a whitened embedding, unless the pictures are fewer than twice that, or many and small.
  static let components = 512
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

  /// A quarter of the pixels are about four times as many updates, which is worth more in a run of minutes.
  static func imageSize(
    _ recipe: Recipe, _ dataset: DatasetSize, _ machine: MachineSize
  ) -> Int {
    let isShort = recipe.minutes > 0 && recipe.minutes < minutesForLargerViews
    return isShort && machine.cores < manyCores
      ? imageSizes[0] : greatestImageSize(dataset, machine)
  }

  /// The greatest side of a crop that need not be enlarged.
  private static func greatestImageSize(_ dataset: DatasetSize, _ machine: MachineSize) -> Int {
    let bound = machine.cores < manyCores ? imageSizeOnFewCores : imageSizes[imageSizes.count - 1]
    let fitting = imageSizes.filter { 2 * $0 <= dataset.medianShortSide && $0 <= bound }
    return fitting.last ?? imageSizes[0]
  }

  /// A narrow network sees many more pictures per minute: on two processors that is worth more than width.
  static func width(_ recipe: Recipe, _ machine: MachineSize) -> Double {
    guard recipe.preset == .small, machine.cores < manyCores else { return 1 }
    return machine.cores < manyCores / 2 ? 0.25 : 0.5
  }

  static func stem(_ imageSize: Int) -> EncoderConfiguration.Stem {
    imageSize <= greatestSizeForCifarStem ? .cifar : .imagenet
  }

  /// The greatest power of two that fits the dataset twice and half of the memory.
  static func batchSize(_ recipe: Recipe, _ situation: RecipeSituation) -> Int {
    var candidate = recipe
    candidate.batchSize = greatestBatch
    let room = situation.machine.memoryByteCount / 2
    while candidate.batchSize > leastBatch {
      let fitsDataset =
        candidate.batchSize * RecipeLimits.batchesInDataset <= situation.dataset.pictures
      // A contradiction is reported when the recipe is whole; there is no update then whose memory could be counted.
      let fitsMemory =
        candidate.recordingConflict != nil || situation.trainingByteCount(candidate) <= room
      if fitsDataset && fitsMemory { break }
      candidate.batchSize /= 2
    }
    return candidate.batchSize
  }

  static func epochs(stepsPerEpoch: Int) -> Int {
    let needed = (leastSteps + stepsPerEpoch - 1) / max(1, stepsPerEpoch)
    return min(max(epochs, needed), greatestEpochs)
  }

  /// The epochs that as many updates touch; nil where the epochs decide.
  static func touchedEpochs(_ recipe: Recipe) -> Int? {
    guard recipe.updates > 0 else { return nil }
    let steps = max(1, recipe.stepsPerEpoch)
    return min(100_000, (recipe.updates + steps - 1) / steps)
  }

  /// Ten epochs, or a tenth of the run where that is less.
  static func warmupEpochs(_ recipe: Recipe) -> Double {
    min(warmupEpochs, Double(recipe.totalSteps) / Double(max(1, recipe.stepsPerEpoch)) / 10)
  }

  /// The updates that fit into the minutes; 0 where none were given.
  static func updates(_ recipe: Recipe, _ situation: RecipeSituation) -> Int {
    guard recipe.minutes > 0, recipe.recordingConflict == nil else { return 0 }
    let pictures =
      situation.picturesPerSecond(recipe) * 60 * recipe.minutes * updatesShareOfRun
      / recipe.growthShare
    return min(1_000_000_000, max(1, Int(pictures / Double(recipe.batchSize))))
  }

  static func localSize(_ recipe: Recipe) -> Int {
    max(recipe.encoder.network.leastSide, recipe.imageSize / 2)
  }

  /// Whole pictures show more than a crop of the same side: twice the side gives the feature maps the scale that they were
  /// trained on, where the pictures have so many pixels. Small views of a short run do not make it smaller, since whitened
  /// patches, which need no training, say more of a larger picture.
  static func embeddingSize(
    _ recipe: Recipe, _ dataset: DatasetSize, _ machine: MachineSize
  ) -> Int {
    guard recipe.preset == .small else { return recipe.imageSize }
    let views = max(recipe.imageSize, greatestImageSize(dataset, machine))
    let greatest = min(2 * views, RecipeLimits.imageSize.upperBound)
    return max(recipe.imageSize, min(greatest, dataset.medianShortSide))
  }

  /// As many components as there are pictures to fit them to: an eighth of those, and at least `components`. Pictures without
  /// an upright have few features more than that, since their quadrants say nothing.
  static func whitenedDimension(_ recipe: Recipe, _ dataset: DatasetSize) -> Int {
    let fitted = min(recipe.pictures, recipe.greatestFitCount)
    let components = dataset.hasUpright == true ? max(components, fitted / 8) : components
    return min(components, max(2, recipe.pictures / 2))
  }

  static func baseTau(epochs: Int) -> Double { epochs >= epochsForHighTau ? 0.996 : 0.99 }
}
