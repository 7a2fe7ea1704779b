import Datasets
import Encoders
import Evaluation
import Images

// The random crops of reference pictures from which the linear classifier by SGD learns.
extension ModelEvaluation {
  /// Components of whitened patches' features, with both signs.
  static let patchDimension = 2 * WhitenedPatches.defaultCount

  /// Crops of each reference picture whose vectors have `dimension` components; 0 where nobody learns from them.
  func cropCount(_ dimension: Int) -> Int {
    guard pictures.classes != nil, protocols.contains(.sgd) else { return 0 }
    return SGDProbe.cropCount(pictures: pictures.split.reference.count, dimension: dimension)
  }

  /// Those of all reference pictures.
  func cropTotal(_ dimension: Int) -> Int {
    cropCount(dimension) * pictures.split.reference.count
  }

  /// The embeddings of crops, `[reference pictures, crops of each, dimension]`; none where nobody learns from them.
  func crops(
    _ subject: EvaluationReport.Subject, _ model: EncoderModel, _ encoder: EmbeddingEncoder,
    _ counter: inout Counter
  ) throws -> [Float] {
    let renderer = Self.cropRenderer(side: model.imageSize, normalization: model.normalization)
    var values: [Float] = []
    values.reserveCapacity(cropTotal(encoder.dimension) * encoder.dimension)
    try eachCropBatch(renderer, count: cropCount(encoder.dimension)) { batch, rows in
      let padding = repeatElement(Float(0), count: (batchSize - rows) * renderer.elementCount)
      values += try encoder.represent(batch + padding).prefix(rows * encoder.dimension)
      try advance(rows, subject, &counter)
    }
    return values
  }

  /// Renders `count` crops of each reference picture, one picture after the other, and calls `body` with at most
  /// `batchSize` of them, `[rows, side, side, channels]`.
  ///
  /// - Throws: `PackError`, `ImageError`; what `body` throws.
  func eachCropBatch(
    _ renderer: ViewRenderer, count: Int, _ body: (_ batch: [Float], _ rows: Int) throws -> Void
  ) throws {
    guard count > 0 else { return }
    var batch: [Float] = []
    func pass() throws {
      guard !batch.isEmpty else { return }
      try body(batch, batch.count / renderer.elementCount)
      batch.removeAll(keepingCapacity: true)
    }
    for picture in pictures.split.reference {
      let image = try pack.image(at: picture)
      for view in 0..<count {
        batch += renderer(image, seed: PackSplit.seed, epoch: 0, picture: picture, view: view)
        if batch.count == batchSize * renderer.elementCount { try pass() }
      }
    }
    try pass()
  }

  /// The paper's crops for the linear evaluation and for fine-tuning: 8 to 100 % of the area, mirrored in one of two; colours stay.
  static func cropRenderer(side: Int, normalization: Normalization) -> ViewRenderer {
    ViewRenderer(augmentation: cropAugmentation, normalization: normalization, side: side)
  }

  static var cropAugmentation: ViewAugmentation {
    var augmentation = ViewAugmentation.paperFirst
    (augmentation.colorJitterProbability, augmentation.grayscaleProbability) = (0, 0)
    (augmentation.blurProbability, augmentation.solarizeProbability) = (0, 0)
    return augmentation
  }

  /// The accuracy of the linear classifier by SGD.
  ///
  /// - Throws: `Stopped` after a batch; `EvaluationError`.
  func linearBySGD(
    _ crops: [Float], train: LabelledEmbeddings, test: LabelledEmbeddings
  ) throws -> EvaluationReport.Accuracy {
    let count = crops.count / train.values.count
    let labelled = try LabelledEmbeddings(
      values: crops, dimension: train.dimension,
      labels: train.labels.flatMap { repeatElement($0, count: count) },
      classCount: train.classCount)
    let found = try SGDProbe(seed: PackSplit.seed, threads: threads)
      .evaluate(crops: labelled, reference: train, test: test) {
        if isAskedToStop() { throw Stopped() }
      }
    return EvaluationReport.Accuracy(
      .sgd, top1: found.accuracy.top1, learningRate: found.learningRate, crops: count)
  }
}
