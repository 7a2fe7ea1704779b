import Datasets
import Encoders
import Evaluation
import TensorGraph
import Tensors

/// How good the models of a run's checkpoints are, on a fixed part of the training pictures: a curve of quality while the
/// run goes on, and what the best checkpoint is chosen by.
///
/// No held-out picture is looked at, so that whoever evaluates the best model on a test split has an honest figure. Labels,
/// where there are any, are shown and choose nothing.
struct CheckpointEvaluation {
  /// The figures of one model.
  struct Quality: Hashable {
    /// How often the view that is most like a picture's first view is its second one, 0…1.
    var viewRecall: Double
    /// The effective number of directions of the vectors (Garrido et al. 2023, arXiv 2210.02885).
    var rankMe: Double
    /// The share of pictures whose label their nearest neighbours tell, 0…1; nil without labels.
    var accuracy: Double?
  }

  private let pack: Pack
  private let pictures: PackSplit
  private let threads: ThreadBudget
  private let lowering: any Lowering

  /// Neighbours that vote on a label.
  private static let neighbours = 20

  /// Chooses the pictures; nil where there are too few.
  init?(pack: Pack, threads: ThreadBudget, lowering: any Lowering) {
    guard let pictures = PackSplit(pack, isQuick: true, isWithinTraining: true) else { return nil }
    self.pack = pack
    self.pictures = pictures
    self.threads = threads
    self.lowering = lowering
  }

  /// Whether there are labels to be told.
  var hasLabels: Bool { pictures.classes != nil }

  /// The figures of a model; nil where views of fewer than two pictures can be compared.
  ///
  /// - Throws: `PackError`, `LoweringError`, `EvaluationError`.
  func callAsFunction(
    _ model: EncoderModel, progress: @escaping () -> Void
  ) throws -> Quality? {
    let row = try ModelEvaluation(
      pack: pack, pictures: pictures, model: model, networkSeed: 0,
      protocols: [.neighbours(Self.neighbours)], isQuick: true, hasBaselines: false,
      threads: threads,
      lowering: { lowering }, progress: { _ in progress() }
    ).figures()
    guard let measures = row.labelFree else { return nil }
    return Quality(
      viewRecall: measures.viewRecall, rankMe: measures.rankMe,
      accuracy: row.accuracies.first?.top1)
  }
}
