import Datasets
import Encoders
import Evaluation
import Images
import Methods
import NeuralNetworks
import Recipes
import Tensors

// Fine-tuning on a share of the labels (Grill et al. 2020, section 4.1 and appendix C.2): encoder and linear classifier learn
// together, from the weights that are judged. Here with AdamW and the one-cycle schedule instead of SGD and a sweep of rates.
extension ModelEvaluation {
  /// What fine-tuning takes.
  enum FineTuning {
    /// Passes over the share of the labels, and updates at least.
    static let (epochs, leastUpdates) = (30, 200)
    /// The greatest batch, and the bytes of memory that a training should take; batches are smaller, down to 2, where it would be
    /// more.
    static let (batchSize, memoryByteCount) = (256, 2 << 30)
    /// The learning rate at a batch of 256.
    static let learningRate = 1e-3
  }

  /// The reference pictures whose labels are learned: the same share of each class, at least one picture of each, drawn with the
  /// evaluation's seed.
  func fineTuningPictures(_ percent: Int) -> [Int] {
    let classes = Dictionary(grouping: pictures.split.reference) { pack[$0].label }
    return classes.values.flatMap { members in
      let count = max(1, (members.count * percent + 50) / 100)
      let order = PictureOrder(seed: PackSplit.seed, epoch: 0, count: members.count)
      return order.batch(0, size: count).map { members[$0] }
    }.sorted()
  }

  /// The training of a model's encoder on so many pictures.
  func fineTuningRecipe(_ model: EncoderModel, pictures count: Int) -> Recipe {
    var recipe = Recipe.initial
    (recipe.method, recipe.classes, recipe.pictures) = (
      MethodName(Supervised.self), pack.labels.count, count
    )
    (recipe.encoder, recipe.imageSize) = (model.encoder, model.imageSize)
    (recipe.startingSize, recipe.embeddingSize) = (model.imageSize, model.imageSize)
    recipe.augmentations.first = Self.cropAugmentation
    recipe.augmentations.normalization = model.normalization
    (recipe.optimizer, recipe.rateSchedule) = (.adamw, .oneCycle)
    (recipe.baseLearningRate, recipe.weightDecay) = (FineTuning.learningRate, 0.01)
    recipe.momentum = 0.9
    recipe.batchSize = min(FineTuning.batchSize, max(2, count / 2))
    while recipe.batchSize > 2, recipe.trainingByteCount > FineTuning.memoryByteCount {
      recipe.batchSize /= 2
    }
    recipe.updates = max(FineTuning.leastUpdates, FineTuning.epochs * recipe.stepsPerEpoch)
    return recipe
  }

  /// Pictures and views of the fine-tunings of one network.
  var fineTuningTotal: Int {
    protocols.reduce(0) { total, kind in
      guard pictures.classes != nil, case .fineTuning(let percent) = kind else { return total }
      let recipe = fineTuningRecipe(model, pictures: fineTuningPictures(percent).count)
      return total + recipe.totalSteps * recipe.batchSize + pictures.split.judged.count
    }
  }

  /// The accuracy on the judged pictures of a network that learned a share of the labels.
  ///
  /// - Throws: `Stopped` after an update; `TrainingError`, `PackError`, `ImageError`, `LoweringError`.
  func fineTuned(
    _ subject: EvaluationReport.Subject, _ model: EncoderModel, percent: Int,
    _ counter: inout Counter
  ) throws -> Double {
    let chosen = fineTuningPictures(percent)
    let recipe = fineTuningRecipe(model, pictures: chosen.count)
    let (tuned, classifier) = try trained(subject, model, recipe, chosen, &counter)
    let encoder = try EmbeddingEncoder(tuned, batchSize: batchSize, lowering: lowering())
    var right = 0
    for group in batches(pictures.split.judged) {
      let vectors = try encoder.embed(try group.map { try pack.image(at: $0) })
      right += zip(group, vectors).count { pack[$0].label == classifier.label(of: $1) }
      try advance(group.count, subject, &counter)
    }
    return Double(right) / Double(pictures.split.judged.count)
  }

  private func trained(
    _ subject: EvaluationReport.Subject, _ model: EncoderModel, _ recipe: Recipe, _ chosen: [Int],
    _ counter: inout Counter
  ) throws -> (EncoderModel, LinearClassifier) {
    let trainer = try Trainer(recipe, initial: InitialWeights(model), lowering: lowering())
    let source = ViewBatchSource(
      pack: pack, pictures: chosen,
      configuration: ViewBatchConfiguration(
        views: recipe.learning.views, normalization: model.normalization,
        batchSize: recipe.batchSize, seed: PackSplit.seed, threads: threads.count))
    defer { source.stop() }
    while trainer.step < recipe.totalSteps {
      _ = try trainer.update(from: source)
      try advance(recipe.batchSize, subject, &counter)
    }
    let state = trainer.state
    return (EncoderModel(recipe, trainer.update, state, run: ""), LinearClassifier(state))
  }
}

/// The classifier of a state of ``Supervised``.
private struct LinearClassifier {
  private let weight: [Float]
  private let bias: [Float]

  init(_ state: TrainingState) {
    func values(_ path: String) -> [Float] {
      let name = "online.\(Supervised.classifier).\(path)"
      guard let tensor = state.tensors.first(where: { $0.name == name }) else {
        preconditionFailure("The state of a supervised training has no \(name).")
      }
      return tensor.values
    }
    (weight, bias) = (values("weight"), values("bias"))
  }

  /// The label with the greatest score for a representation.
  func label(of vector: [Float]) -> Int {
    let scores = bias.indices.map { label in
      zip(weight[label * vector.count..<(label + 1) * vector.count], vector)
        .reduce(bias[label]) { $0 + $1.0 * $1.1 }
    }
    return scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
  }
}
