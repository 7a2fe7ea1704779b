public import Images
import NeuralNetworks
public import TensorGraph
import Tensors

/// Computes embeddings: the online encoder y = f(x), without the projection head, and on it the model's embedding head, if it
/// has one. Batch normalisation uses the running statistics, which are folded into the convolutions when the weights are
/// written.
///
/// The program is compiled for a fixed batch size, so a picture's bits do not depend on the pictures beside it.
/// One thread at a time uses it.
public final class EmbeddingEncoder {
  /// Components of an embedding.
  public let dimension: Int
  /// Side of the square that pictures are brought to, in pixels.
  public var inputSize: Int { transform.side }
  /// Pictures in a batch: what one run of the program takes.
  public let batchSize: Int
  private let transform: EvaluationTransform
  private let program: Computation

  /// What computes: an encoder alone, or one with its head.
  private enum Computation {
    case representation(any Program)
    case embedding(FeatureProgram)
  }

  private static let outputName = "representation"

  /// Pictures to compute at once where there are many: `most` of up to 64 pixels, fewer of larger ones, whose feature maps take
  /// memory and no time is saved.
  public static func batchSize(side: Int, most: Int = 32) -> Int {
    let usual = 64
    return max(1, min(most, most * usual * usual / (side * side)))
  }

  /// Compiles the encoder of a model.
  ///
  /// - Throws: `EncoderModelError.tensor` if a tensor does not fit, `LoweringError` if the encoder does not
  ///   compile.
  public convenience init(
    _ model: EncoderModel, batchSize: Int = 1, lowering: any Lowering
  ) throws {
    try self.init(
      model, batchSize: batchSize, lowering: lowering,
      preciseConvolutions: EncoderProgram.preciseConvolutions)
  }

  /// As the other initialiser; in the encoder of a model with a head the first `preciseConvolutions` compute in float32.
  init(
    _ model: EncoderModel, batchSize: Int = 1, lowering: any Lowering, preciseConvolutions: Int
  ) throws {
    self.batchSize = batchSize
    dimension = model.dimension
    transform = EvaluationTransform(side: model.imageSize, normalization: model.normalization)
    guard let head = model.head else {
      let recording = EncoderRecording(model, batchSize: batchSize)
      recording.recorder.output(Self.outputName, recording.embedding())
      program = .representation(try recording.compile(lowering, head: []))
      return
    }
    program = .embedding(
      try FeatureProgram(
        model, head.blocks, batchSize: batchSize, filterShape: head.filters.shape,
        tensors: head.tensors, lowering: lowering, preciseConvolutions: preciseConvolutions
      ) { recorder, features in recorder.output(Self.outputName, head.record(features)) })
  }

  /// What a run does, in order; nothing if the engine does not show it.
  public var steps: [ProgramStep] {
    switch program {
    case .representation(let program): program.inspection?.steps ?? []
    case .embedding(let program): program.steps
    }
  }

  /// The memory that its programs hold, in bytes: weights in the kernels' layout, intermediate values, scratch. 0 where the engine does not
  /// tell it.
  public var byteCount: Int {
    switch program {
    case .representation(let program): program.inspection?.byteCount ?? 0
    case .embedding(let program): program.byteCount
    }
  }

  /// Opens a model file.
  ///
  /// - Throws: `CheckpointError` if the file does not read back, else as the other initialiser.
  public convenience init(modelFile: String, batchSize: Int = 1, lowering: any Lowering) throws {
    try self.init(
      EncoderModel(reading: modelFile), batchSize: batchSize, lowering: lowering)
  }

  /// The embedding of a picture, not normalised.
  ///
  /// - Throws: `ImageError.otherChannels` for a picture of other channels than the model's; `LoweringError` if a kernel fails.
  ///   The encoder can be used again.
  public func embed(_ image: Raster) throws -> [Float] { try embed([image])[0] }

  /// The embeddings of any number of pictures, in order.
  ///
  /// - Throws: as for one.
  public func embed(_ images: [Raster]) throws -> [[Float]] {
    if let other = images.first(where: { $0.channels != transform.channels }) {
      throw ImageError(
        .otherChannels,
        "The picture has \(other.channels) channels; the model was trained on \(transform.channels)."
      )
    }
    var results: [[Float]] = []
    for first in stride(from: 0, to: images.count, by: batchSize) {
      let group = images[first..<min(first + batchSize, images.count)]
      let vectors = try represent(prepared(group))
      for row in 0..<group.count {
        results.append(Array(vectors[row * dimension..<(row + 1) * dimension]))
      }
    }
    return results
  }

  /// A batch for `represent`, NHWC: at most `batchSize` pictures resized, cropped to the centre and normalised; zero-padded.
  public func prepared(_ images: some Collection<Raster>) -> [Float] {
    precondition(images.count <= batchSize, "\(images.count) pictures in a batch of \(batchSize).")
    var batch: [Float] = []
    batch.reserveCapacity(batchSize * transform.elementCount)
    for image in images { batch += transform(image) }
    batch += repeatElement(0, count: batchSize * transform.elementCount - batch.count)
    return batch
  }

  /// The embeddings `[batchSize, dimension]` of a batch that `prepared` made. `afterEachStep` is told each step's
  /// index in `steps` when it has ended.
  ///
  /// - Throws: `LoweringError` if a kernel fails; the encoder can be used again.
  public func represent(_ prepared: [Float], afterEachStep: (Int) -> Void = { _ in }) throws
    -> [Float]
  {
    switch program {
    case .representation(let program):
      program.write(channelsLast: prepared.span, to: EncoderRecording.picturesName)
      try program.run(afterEachStep: afterEachStep)
      return program.read(Self.outputName)
    case .embedding(let program):
      try program.run(prepared, afterEachStep: afterEachStep)
      return program.read(Self.outputName)
    }
  }
}
