import Datasets
import Encoders
import Evaluation
import Images

// Baselines that are no network.
extension ModelEvaluation {
  /// The vectors of pictures, row after row.
  private struct Features {
    var statistics: [Float] = []
    var patches: [Float] = []
  }

  /// Statistics of pictures, whitened patches, and those projected.
  func baselines(_ counter: inout Counter) throws -> [EvaluationReport.Row] {
    let side = model.imageSize
    let statistics = ImageStatistics(channels: pack.channels)
    let reference = pictures.split.reference
    let patches = try WhitenedPatches(
      pictureCount: reference.count, height: side, width: side, channels: pack.channels,
      seed: PackSplit.seed, threads: threads
    ) { try square(of: reference[$0]) }
    func add(_ values: [Float], count: Int, to features: inout Features) throws {
      features.statistics += statistics.features(of: values, height: side, width: side)
      features.patches += patches.features(
        of: values, height: side, width: side, threads: threads)
      try advance(count, .whitenedPatches, &counter)
    }
    func features(_ chosen: [Int]) throws -> Features {
      var features = Features()
      features.patches.reserveCapacity(chosen.count * patches.dimension)
      for group in batches(chosen) {
        try add(group.flatMap { try square(of: $0) }, count: group.count, to: &features)
      }
      return features
    }
    let (trained, judged) = (try features(reference), try features(pictures.split.judged))
    var cropped = Features()
    cropped.patches.reserveCapacity(cropTotal(Self.patchDimension) * patches.dimension)
    let renderer = Self.cropRenderer(side: side, normalization: identity)
    try eachCropBatch(renderer, count: cropCount(Self.patchDimension)) { batch, rows in
      try add(batch, count: rows, to: &cropped)
    }
    let standard = Standardization(of: trained.statistics, dimension: statistics.dimension)
    return [
      EvaluationReport.Row(
        .imageStatistics, dimension: statistics.dimension,
        accuracies: try accuracies(
          standard(trained.statistics), standard(judged.statistics),
          crops: standard(cropped.statistics), dimension: statistics.dimension)),
      EvaluationReport.Row(
        .whitenedPatches, dimension: patches.dimension,
        accuracies: try accuracies(
          trained.patches, judged.patches, crops: cropped.patches, dimension: patches.dimension)),
    ] + (try projectedRows(trained, judged, cropped, width: patches.dimension))
  }

  /// The square roots of patches' features, whitened as embeddings are: with the means of a model's head, no training.
  ///
  /// Fewer than three pictures that differ have no principal components: then there is no such row.
  private func projectedRows(
    _ trained: Features, _ judged: Features, _ cropped: Features, width: Int
  ) throws -> [EvaluationReport.Row] {
    let roots = trained.patches.map { $0.squareRoot() }
    guard let projection = try? projection(of: roots, width: width) else { return [] }
    // As many crops at a time as there are pictures, since square roots of all at once would be as large as all of them.
    var crops: [Float] = []
    crops.reserveCapacity(cropped.patches.count / width * projection.dimension)
    for first in stride(from: 0, to: cropped.patches.count, by: roots.count) {
      let part = cropped.patches[first..<first + roots.count].map { $0.squareRoot() }
      crops += projection(part, width: width, threads: threads)
    }
    return [
      EvaluationReport.Row(
        .projectedPatches, dimension: projection.dimension,
        accuracies: try accuracies(
          projection(roots, width: width, threads: threads),
          projection(
            judged.patches.map { $0.squareRoot() }, width: width, threads: threads),
          crops: crops, dimension: projection.dimension))
    ]
  }

  /// A projection fitted to some of the pictures whose features `[N, width]` are given.
  private func projection(of features: [Float], width: Int) throws -> WhitenedProjection {
    let count = features.count / width
    let fitted = min(count, Self.projectionPictures)
    var sample: [Float] = []
    sample.reserveCapacity(fitted * width)
    for row in 0..<fitted {
      let first = row * count / fitted * width
      sample += features[first..<first + width]
    }
    return try WhitenedProjection(
      fittedTo: [WhitenedProjection.Block(features: sample, width: width, weight: 1)],
      dimension: min(Self.projectionDimension, max(2, fitted / 2)), threads: threads)
  }

  /// The pictures that the projection of patches is fitted to, at most, and its components.
  private static let (projectionPictures, projectionDimension) = (2048, 256)

  /// The values 0…1 as they are.
  private var identity: Normalization { .identity(channels: pack.channels) }

  /// A picture as baselines see it, `[side, side, channels]`, values 0…1.
  private func square(of picture: Int) throws -> [Float] {
    EvaluationTransform(side: model.imageSize, normalization: identity)(
      try pack.image(at: picture))
  }
}
