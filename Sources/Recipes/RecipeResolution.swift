public import Images
import JSONTree
import Methods
import NeuralNetworks
import TensorGraph

/// A recipe and what its owner should know of it.
public struct ResolvedRecipe: Hashable, Sendable {
  /// The frozen recipe.
  public var recipe: Recipe
  /// Sentences about choices that are allowed and likely to disappoint.
  public var warnings: [String]
}

extension RecipeRequest {
  /// Turns the request into a frozen recipe for a dataset, as this machine can run it.
  ///
  /// A pure function: the same request, dataset and machine give the same recipe, if the two closures are pure.
  ///
  /// - Parameters:
  ///   - dataset: What the run would learn from.
  ///   - machine: Where it would run.
  ///   - trainingByteCount: Bytes of memory that a training process needs for a recipe; by default counted on the graph
  ///     of an update.
  ///   - picturesPerSecond: Training pictures per second of a recipe on the machine, asked where the request names minutes;
  ///     by default a guess from the multiplications of an update.
  /// - Returns: the recipe, and warnings.
  /// - Throws: `RecipeProblems` where fields are outside their limits or contradict each other or the dataset.
  public func resolve(
    dataset: DatasetSize, machine: MachineSize,
    trainingByteCount: @escaping (Recipe) -> Int = { $0.trainingByteCount },
    picturesPerSecond: @escaping (Recipe) -> Double = { $0.guessedPicturesPerSecond }
  ) throws(RecipeProblems) -> ResolvedRecipe {
    try checkValues()
    let situation = RecipeSituation(
      dataset: dataset, machine: machine, trainingByteCount: trainingByteCount,
      picturesPerSecond: picturesPerSecond)
    let recipe = recipe(situation)
    let problems = recipe.problems(with: self, dataset: dataset, machine: machine)
    guard problems.isEmpty else { throw RecipeProblems(problems: problems) }
    return ResolvedRecipe(recipe: recipe, warnings: recipe.warnings(situation))
  }

  /// What a run's views depend on: their side, their distributions and the seed. The rest of the request may contradict
  /// itself or the dataset.
  ///
  /// - Throws: `RecipeProblems` where a field is outside its limits, or the normalisation is for pictures of other channels.
  public func viewSettings(
    dataset: DatasetSize, machine: MachineSize
  ) throws(RecipeProblems) -> (imageSize: Int, augmentations: Augmentations, seed: UInt64) {
    try checkValues()
    let recipe = recipe(
      RecipeSituation(
        dataset: dataset, machine: machine, trainingByteCount: { $0.trainingByteCount },
        picturesPerSecond: { $0.guessedPicturesPerSecond }))
    if let problem = recipe.normalizationConflict(channels: dataset.channels) {
      throw RecipeProblems(problems: [problem])
    }
    return (recipe.imageSize, recipe.augmentations, recipe.seed)
  }

  /// Looks at the values alone, before anything is computed with them: a batch of 0 would divide by zero.
  ///
  /// - Throws: `RecipeProblems` with every value outside its limits.
  public func checkValues() throws(RecipeProblems) {
    let problems = problems
    guard problems.isEmpty else { throw RecipeProblems(problems: problems) }
  }

  private func recipe(_ situation: RecipeSituation) -> Recipe {
    var recipe = Recipe()
    recipe.pictures = situation.dataset.pictures
    recipe.classes = situation.dataset.classes ?? 0
    // In the table's order: a default may depend on the fields before it, and on no others.
    for field in RecipeField.all {
      if let value = self[field.name] {
        field.access.assign(value, to: &recipe)
      } else {
        field.access.choose(for: &recipe, in: situation)
      }
    }
    if !recipe.method.type.options.contains(.labels) { recipe.classes = 0 }
    return recipe
  }
}

extension Recipe {
  /// What is outside its limits, or contradicts itself, whatever dataset and machine it is for.
  var problems: [FieldProblem] {
    let outside = limitProblems
    // Contradictions are judged between values that are within their limits.
    guard outside.isEmpty else { return outside }
    return [
      stemConflict, growthConflict, warmupConflict, normalizationConflict(channels: channels),
      optionConflict, labelConflict, partConflict,
    ]
    .compactMap { $0 }
  }

  private var limitProblems: [FieldProblem] {
    var found = RecipeField.all.compactMap { $0.problem(in: self) }
    let limits = RecipeLimits.pictures
    if !limits.contains(pictures) {
      let allowed = "a whole number from \(limits.lowerBound) to \(limits.upperBound)"
      found.append(
        FieldProblem(
          field: "pictures", value: pictures.json, allowed: allowed, code: .outOfRange))
    }
    return found
  }

  fileprivate func problems(
    with request: RecipeRequest, dataset: DatasetSize, machine: MachineSize
  ) -> [FieldProblem] {
    let outside = limitProblems
    guard outside.isEmpty else { return outside }
    return [
      pictureConflict(with: request, dataset: dataset), likenessConflict(dataset), stemConflict,
      growthConflict,
      warmupConflict, precisionConflict(machine),
      normalizationConflict(channels: dataset.channels), optionConflict, labelConflict,
      partConflict, lengthConflict(request),
    ].compactMap { $0 }
  }

  fileprivate func normalizationConflict(channels: Int) -> FieldProblem? {
    let normalization = augmentations.normalization
    for (name, numbers) in [("mean", normalization.mean), ("deviation", normalization.deviation)]
    where numbers.count != channels {
      return FieldProblem(
        field: "augmentations.normalization.\(name)", value: numbers.json,
        allowed: "\(channels) numbers: the pictures have as many channels", code: .conflict)
    }
    return nil
  }

  private func precisionConflict(_ machine: MachineSize) -> FieldProblem? {
    guard precision == .bfloat16, machine.precision != .bfloat16 else { return nil }
    return FieldProblem(
      field: "precision", value: precision.json,
      allowed: "auto or float32: this processor does not multiply bfloat16", code: .conflict)
  }

  private func pictureConflict(with request: RecipeRequest, dataset: DatasetSize) -> FieldProblem? {
    guard dataset.pictures < batchSize * RecipeLimits.batchesInDataset else { return nil }
    let most = dataset.pictures / RecipeLimits.batchesInDataset
    let least = batchSize * RecipeLimits.batchesInDataset
    let isAutomatic = request[\.batchSize] == nil && preset == .small
    guard !isAutomatic, most >= 2 else {
      return FieldProblem(
        field: "dataset", value: dataset.pictures.json,
        allowed: "a dataset of at least \(least) training pictures, two batches of \(batchSize)",
        code: .tooFewPictures)
    }
    return FieldProblem(
      field: "batch_size", value: batchSize.json,
      allowed: "at most \(most): the dataset has \(dataset.pictures) training pictures and must "
        + "fill two batches", code: .tooFewPictures)
  }

  /// Training pictures that are copies of one or two: principal components need three that differ.
  private func likenessConflict(_ dataset: DatasetSize) -> FieldProblem? {
    let least = RecipeLimits.distinctPictures
    guard embedding == .whitened, let distinct = dataset.distinctPictures, distinct < least,
      dataset.comparedPictures ?? 0 > 0
    else { return nil }
    let found = distinct == 1 ? "are all equal" : "are copies of two"
    return FieldProblem(
      field: "dataset", value: distinct.json,
      allowed:
        "a dataset of at least \(least) training pictures that differ, to which a whitened embedding can be fitted; its "
        + "\(dataset.pictures) \(found). Add other pictures, or choose \"embedding\": \"representation\"",
      code: .tooFewPictures)
  }

  /// What training pictures say that repeat each other.
  private func likenessWarning(_ dataset: DatasetSize) -> String? {
    guard let distinct = dataset.distinctPictures, let compared = dataset.comparedPictures,
      2 * distinct <= compared
    else { return nil }
    let found =
      compared < dataset.pictures
      ? "Of \(compared) of the \(dataset.pictures) training pictures only \(distinct)"
      : "Of the \(compared) training pictures only \(distinct)"
    let components =
      embedding == .whitened && distinct <= whitenedDimension
      ? " Of the \(whitenedDimension) components of an embedding at most \(distinct - 1) can differ from 0."
      : ""
    return "\(found) differ: copies teach nothing new. Add other pictures.\(components)"
  }

  /// What keeps an update from being recorded: views that are too small for the encoder, or what the method does not know.
  var recordingConflict: FieldProblem? {
    stemConflict ?? optionConflict ?? labelConflict ?? partConflict
  }

  /// A method that learns from labels, without them.
  private var labelConflict: FieldProblem? {
    let limits = RecipeLimits.classes
    guard method.type.options.contains(.labels), !limits.contains(classes) else { return nil }
    return FieldProblem(
      field: "method", value: method.json,
      allowed:
        "a method without labels, or a dataset in which every training picture has one of \(limits.lowerBound) to "
        + "\(limits.upperBound) labels",
      code: .conflict)
  }

  /// A batch that has no equal parts, or too small ones.
  private var partConflict: FieldProblem? {
    let least = RecipeLimits.partOfBatch
    guard !batchSize.isMultiple(of: accumulation) || batchSize / accumulation < least else {
      return nil
    }
    return FieldProblem(
      field: "accumulation", value: accumulation.json,
      allowed:
        "a divisor of batch_size, \(batchSize), that leaves parts of at least \(least) pictures",
      code: .conflict)
  }

  /// Views that shrink.
  private var growthConflict: FieldProblem? {
    guard startingSize > imageSize else { return nil }
    return FieldProblem(
      field: "starting_size", value: startingSize.json, allowed: "at most image_size, \(imageSize)",
      code: .conflict)
  }

  private var stemConflict: FieldProblem? {
    let sides = [
      ("image_size", imageSize), ("starting_size", startingSize), ("embedding_size", embeddingSize),
    ]
    guard encoder.stem == .imagenet,
      let (name, side) = sides.first(where: { $1 < RecipeLimits.imageSizeWithImagenetStem })
    else { return nil }
    return FieldProblem(
      field: name, value: side.json,
      allowed: "at least \(RecipeLimits.imageSizeWithImagenetStem) with the stem imagenet, "
        + "or the stem cifar", code: .conflict)
  }

  /// A weight or local views that the method does not know.
  private var optionConflict: FieldProblem? {
    let options = method.type.options
    let weights = [
      ("negatives_weight", negativesWeight), ("variance_weight", varianceWeight),
      ("covariance_weight", covarianceWeight),
    ]
    if !options.contains(.separation), let (name, weight) = weights.first(where: { $1 != 0 }) {
      return FieldProblem(
        field: name, value: weight.json,
        allowed: "0: the method \(method.rawValue) has no such term",
        code: .conflict)
    }
    guard localViews > 0 else { return nil }
    if !options.contains(.localViews) {
      return FieldProblem(
        field: "local_views", value: localViews.json,
        allowed: "0: the method \(method.rawValue) takes two views", code: .conflict)
    }
    guard localSize < encoder.network.leastSide else { return nil }
    return FieldProblem(
      field: "local_size", value: localSize.json,
      allowed: "at least \(encoder.network.leastSide) with the stem \(encoder.stem.rawValue)",
      code: .conflict)
  }

  /// Two answers to how long the run is to be.
  private func lengthConflict(_ request: RecipeRequest) -> FieldProblem? {
    let given = [
      ("minutes", request[\.minutes] ?? 0), ("updates", Double(request[\.updates] ?? 0)),
      ("epochs", Double(request[\.epochs] ?? 0)),
    ].filter { $0.1 > 0 }
    guard given.count > 1 else { return nil }
    return FieldProblem(
      field: given[1].0, value: given[1].1.json,
      allowed: "nothing beside \(given[0].0): both say how long the run is", code: .conflict)
  }

  private var warmupConflict: FieldProblem? {
    guard warmupEpochs > Double(epochs) else { return nil }
    return FieldProblem(
      field: "warmup_epochs", value: warmupEpochs.json, allowed: "at most epochs, \(epochs)",
      code: .conflict)
  }

  fileprivate func warnings(_ situation: RecipeSituation) -> [String] {
    var warnings: [String] = []
    if batchSize < 64 {
      warnings.append(
        "A batch of \(batchSize) is small: the paper loses 13 points from 4096 to 64 pictures.")
    }
    if let warning = likenessWarning(situation.dataset) { warnings.append(warning) }
    let side = situation.dataset.medianShortSide
    if imageSize > 2 * side {
      warnings.append("Views of \(imageSize) pixels are more than twice the pictures' \(side).")
    }
    let (needed, present) = (situation.trainingByteCount(self), situation.machine.memoryByteCount)
    if needed > present {
      warnings.append(
        "An update needs about \(needed >> 20) MiB; the machine has \(present >> 20) MiB.")
    }
    if method.type.options.contains(.tau), tauSchedule == .constant && baseTau == 1 {
      warnings.append("With τ = 1 the target never moves.")
    }
    return warnings
  }
}
