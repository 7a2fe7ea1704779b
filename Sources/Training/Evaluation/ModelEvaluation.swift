public import Datasets
public import Encoders
public import Evaluation
import Images
import NeuralNetworks
public import TensorGraph
public import Tensors

/// An evaluation of a model beside the baselines that cost nothing.
public struct ModelEvaluation {
  let pack: Pack
  let pictures: PackSplit
  let model: EncoderModel
  /// The seed of the random network's weights.
  private let networkSeed: UInt64
  let protocols: [EvaluationProtocol]
  private let isQuick: Bool
  private let hasBaselines: Bool
  let threads: ThreadBudget
  /// What computes; made anew for each network.
  let lowering: () throws -> any Lowering
  /// Told how far it is, after each batch.
  private let progress: (EvaluationProgress) -> Void
  let isAskedToStop: () -> Bool

  /// An evaluation of one model on some pictures of a pack.
  ///
  /// - Parameters:
  ///   - pack: The pictures.
  ///   - pictures: Which are judged, and with which they are compared.
  ///   - model: What is judged.
  ///   - networkSeed: The seed of the random network's weights.
  ///   - protocols: What judges.
  ///   - isQuick: Whether fewer views are made.
  ///   - hasBaselines: Whether what costs nothing is judged too.
  ///   - threads: Threads of what computes beside networks.
  ///   - lowering: What computes networks; asked anew for each.
  ///   - progress: Told how far it is, after each batch.
  ///   - isAskedToStop: Looked at after each batch.
  public init(
    pack: Pack, pictures: PackSplit, model: EncoderModel, networkSeed: UInt64,
    protocols: [EvaluationProtocol], isQuick: Bool, hasBaselines: Bool = true,
    threads: ThreadBudget, lowering: @escaping () throws -> any Lowering,
    progress: @escaping (EvaluationProgress) -> Void = { _ in },
    isAskedToStop: @escaping () -> Bool = { false }
  ) {
    self.pack = pack
    self.pictures = pictures
    self.model = model
    self.networkSeed = networkSeed
    self.protocols = protocols
    self.isQuick = isQuick
    self.hasBaselines = hasBaselines
    self.threads = threads
    self.lowering = lowering
    self.progress = progress
    self.isAskedToStop = isAskedToStop
  }

  /// It was asked to stop.
  public struct Stopped: Error {}

  /// Pictures in a batch of an encoder or of a baseline.
  var batchSize: Int { EmbeddingEncoder.batchSize(side: model.imageSize) }

  /// Evaluates all subjects. Only the vectors of one are in memory at a time. `seconds` tells how long it took.
  ///
  /// - Throws: `Stopped` at the end of a batch; `PackError`, `ImageError`, `LoweringError`, `EvaluationError`.
  public func report(seconds: () -> Double) throws -> EvaluationReport {
    var counter = Counter(total: total + lookTotal)
    let repeated = try repeatedCount(&counter)
    var rows = [try network(.model, model, &counter)]
    if hasBaselines {
      rows.append(
        try network(.randomNetwork, model.randomized(seed: networkSeed), &counter))
      if pictures.classes != nil { rows += try baselines(&counter) }
    }
    return EvaluationReport(
      pictures: .init(
        pictures.split, available: pictures.available, classes: pictures.classes,
        repeated: repeated, viewed: viewed.count, viewsPerPicture: viewsPerPicture,
        isQuick: isQuick,
        seed: PackSplit.seed),
      rows: rows, networkSeed: networkSeed, seconds: seconds())
  }

  /// The figures of the model alone.
  ///
  /// - Throws: as ``report(seconds:)``.
  public func figures() throws -> EvaluationReport.Row {
    var counter = Counter(total: total)
    return try network(.model, model, &counter)
  }

  /// Pictures that are looked at for equal ones.
  private var lookTotal: Int {
    pictures.classes == nil ? 0 : pictures.split.judged.count + pictures.split.reference.count
  }

  /// Judged pictures that are among those that they are compared with; nil without labels, where nothing is compared.
  private func repeatedCount(_ counter: inout Counter) throws -> Int? {
    guard pictures.classes != nil else { return nil }
    return try pack.repeatedCount(
      of: pictures.split.judged, among: pictures.split.reference, threads: threads.count
    ) { try advance($0, .model, &counter) }
  }

  /// Pictures, views and crops done, of all.
  struct Counter {
    var done = 0
    let total: Int
  }

  private var viewsPerPicture: Int { EvaluationViews.count(isQuick: isQuick) }
  private var viewed: [Int] {
    pictures.split.limited(
      judged: EvaluationViews.pictureLimit(isQuick: isQuick), reference: 0, seed: PackSplit.seed
    ).judged
  }

  private var total: Int {
    let all = pictures.split.judged.count + pictures.split.reference.count
    let views = viewed.count * viewsPerPicture
    let ofNetwork = views + (pictures.classes == nil ? viewed.count : all)
    let fineTuning = fineTuningTotal
    let ofModel = ofNetwork + cropTotal(model.dimension) + fineTuning
    guard hasBaselines else { return ofModel }
    let ofRandom =
      ofNetwork + cropTotal(model.encoder.representationDimension) + fineTuning
    // Both baselines that are no network read a picture once.
    return ofModel + ofRandom
      + (pictures.classes == nil ? 0 : all + cropTotal(Self.patchDimension))
  }

  func advance(_ count: Int, _ subject: EvaluationReport.Subject, _ counter: inout Counter)
    throws
  {
    if isAskedToStop() { throw Stopped() }
    counter.done += count
    progress(EvaluationProgress(subject, done: counter.done, total: counter.total))
  }

  // MARK: Networks

  private func network(
    _ subject: EvaluationReport.Subject, _ model: EncoderModel, _ counter: inout Counter
  ) throws -> EvaluationReport.Row {
    let encoder = try EmbeddingEncoder(
      model, batchSize: batchSize, lowering: lowering())
    func embed(_ chosen: [Int]) throws -> [Float] {
      var values: [Float] = []
      values.reserveCapacity(chosen.count * encoder.dimension)
      for group in batches(chosen) {
        let images = try group.map { try pack.image(at: $0) }
        for vector in try encoder.embed(images) { values += vector }
        try advance(group.count, subject, &counter)
      }
      return values
    }
    var row = EvaluationReport.Row(subject, dimension: encoder.dimension)
    let shown = viewed
    var plain: [Float]
    if pictures.classes != nil {
      let judged = try embed(pictures.split.judged)
      row.accuracies = try accuracies(
        try embed(pictures.split.reference), judged,
        crops: try crops(subject, model, encoder, &counter), dimension: encoder.dimension
      ) { try fineTuned(subject, model, percent: $0, &counter) }
      let isShown = Set(shown)
      plain = pictures.split.judged.enumerated().filter { isShown.contains($0.element) }.flatMap {
        judged[$0.offset * encoder.dimension..<($0.offset + 1) * encoder.dimension]
      }
    } else {
      plain = try embed(shown)
    }
    if shown.count >= 2 {
      let views = try views(of: shown, subject, model, encoder, &counter)
      row.labelFree = try labelFree(plain, views, dimension: encoder.dimension)
    }
    return row
  }

  /// Representations `[pictures, viewsPerPicture, dimension]`.
  private func views(
    of chosen: [Int], _ subject: EvaluationReport.Subject, _ model: EncoderModel,
    _ encoder: EmbeddingEncoder, _ counter: inout Counter
  ) throws -> [Float] {
    let renderer = EvaluationViews.renderer(
      side: model.imageSize, normalization: model.normalization)
    let all = chosen.flatMap { picture in (0..<viewsPerPicture).map { (picture, $0) } }
    var values: [Float] = []
    for first in stride(from: 0, to: all.count, by: batchSize) {
      let group = all[first..<min(first + batchSize, all.count)]
      var batch: [Float] = []
      for (picture, view) in group {
        batch += renderer(
          try pack.image(at: picture), seed: PackSplit.seed, epoch: 0, picture: picture,
          view: view)
      }
      batch += repeatElement(
        0, count: (batchSize - group.count) * renderer.elementCount)
      values += try encoder.represent(batch).prefix(group.count * encoder.dimension)
      try advance(group.count, subject, &counter)
    }
    return values
  }

  private func labelFree(_ plain: [Float], _ views: [Float], dimension: Int) throws
    -> EvaluationReport.LabelFreeFigures
  {
    func view(_ number: Int) -> [Float] {
      stride(from: number, to: views.count / dimension, by: viewsPerPicture).flatMap {
        views[$0 * dimension..<($0 + 1) * dimension]
      }
    }
    return EvaluationReport.LabelFreeFigures(
      rankMe: try LabelFree.rankMe(of: plain, dimension: dimension, threads: threads),
      lidar: try LabelFree.lidar(
        of: views, dimension: dimension, viewsPerPicture: viewsPerPicture, threads: threads),
      viewRecall: try LabelFree.viewRecall(
        first: view(0), second: view(1), dimension: dimension, threads: threads),
      meanCosine: try LabelFree.meanCosine(of: plain, dimension: dimension))
  }

  // MARK: Labels

  /// How well vectors `[reference pictures, dimension]`, and of the judged ones, tell labels by each protocol; `crops` are what
  /// the linear classifier by SGD learns from, `[reference pictures, crops of each, dimension]`. What has no weights is not
  /// fine-tuned, and has no such figure.
  func accuracies(
    _ reference: [Float], _ judged: [Float], crops: [Float], dimension: Int,
    fineTuned: (_ percent: Int) throws -> Double? = { _ in nil }
  ) throws -> [EvaluationReport.Accuracy] {
    func labelled(_ values: [Float], _ chosen: [Int]) throws -> LabelledEmbeddings {
      try LabelledEmbeddings(
        values: values, dimension: dimension, labels: chosen.compactMap { pack[$0].label },
        classCount: pack.labels.count)
    }
    let train = try labelled(reference, pictures.split.reference)
    let test = try labelled(judged, pictures.split.judged)
    return try protocols.compactMap { kind in
      switch kind {
      case .neighbours(let k):
        let found = try NeighbourEvaluation(neighbours: [k], threads: threads)
          .evaluate(train: train, test: test)
        return EvaluationReport.Accuracy(kind, top1: found[0].accuracy.top1)
      case .linear:
        let found = try LinearEvaluation(threads: threads).evaluate(train: train, test: test)
        return EvaluationReport.Accuracy(
          kind, top1: found.accuracy.top1, regularisation: found.regularisation)
      case .sgd:
        return try linearBySGD(crops, train: train, test: test)
      case .fineTuning(let percent):
        return try fineTuned(percent).map { EvaluationReport.Accuracy(kind, top1: $0) }
      }
    }
  }

  func batches(_ chosen: [Int]) -> [ArraySlice<Int>] {
    stride(from: 0, to: chosen.count, by: batchSize).map {
      chosen[$0..<min($0 + batchSize, chosen.count)]
    }
  }
}
