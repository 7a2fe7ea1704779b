import Images
import NeuralNetworks
import TensorGraph
import Tensors

/// A model's encoder, and on its feature maps what an embedding head reads or computes.
///
/// They are programs that run one after the other. The encoder computes in the lowering's precision, but for its first layers. The head computes in float32: its filters and its map are
/// whitened, so that they magnify what is small in the pictures, and the rounding of pixels and filters to bfloat16 with it. It
/// takes a few per cent of the encoder's time.
struct FeatureProgram {
  private let encoder: EncoderProgram
  private let head: any Program
  private let means: [String]
  private let side: Int
  private let channels: Int
  private let hasHalfScale: Bool

  /// Compiles them.
  ///
  /// - Parameters:
  ///   - model: The encoder; its own head does not matter.
  ///   - blocks: The features to compute.
  ///   - batchSize: Pictures in a batch, N.
  ///   - filterShape: The shape of the head's filters, `[2K, C, k, k]`.
  ///   - tensors: The values of the head's variables.
  ///   - lowering: What compiles.
  ///   - preciseConvolutions: The first convolutions of the encoder that compute in float32.
  ///   - record: Records the outputs of the blocks of features, each `[N, width]`.
  /// - Throws: `EncoderModelError.tensor` if a tensor does not fit, `LoweringError` if a graph does not compile.
  init(
    _ model: EncoderModel, _ blocks: FeatureBlocks, batchSize: Int, filterShape: Shape,
    tensors: [NamedTensor], lowering: any Lowering,
    preciseConvolutions: Int = EncoderProgram.preciseConvolutions,
    record: (Recorder, [(name: String, features: Tensor)]) -> Void
  ) throws {
    (side, channels) = (model.imageSize, model.normalization.channels)
    hasHalfScale = blocks.hasHalfScale
    let recording = EncoderRecording(model, batchSize: batchSize)
    let recorder = Recorder()
    var (names, inputs): ([String], [Tensor]) = ([], [])
    for (stage, mean) in recording.stageMeans.enumerated() {
      let name = "mean\(stage + 1)"
      recording.recorder.output(name, mean)
      names.append(name)
      inputs.append(recorder.input(name, mean.shape))
    }
    means = names
    encoder = try EncoderProgram(
      recording, lowering: lowering, preciseConvolutions: preciseConvolutions)
    let parts = PictureParts(
      blocks, batchSize: batchSize, side: side, channels: channels, in: recorder)
    record(
      recorder,
      EmbeddingHead.recordFeatures(
        blocks, stageMeans: inputs, parts: parts, filterShape: filterShape))
    head = try lowering.inFloat32.compile(recorder.graph)
    let values = Dictionary(tensors.map { ($0.name, $0.values) }, uniquingKeysWith: { $1 })
    for variable in recorder.graph.variables {
      guard let values = values[variable.name] else {
        throw EncoderModelError.tensor(name: variable.name)
      }
      head.write(values, to: variable.name)
    }
  }

  /// What a run does, in order; nothing if the engine does not show it.
  var steps: [ProgramStep] {
    encoder.steps + (head.inspection?.steps ?? [])
  }

  /// The memory that they hold, in bytes; 0 where the engine does not tell it.
  var byteCount: Int { encoder.byteCount + (head.inspection?.byteCount ?? 0) }

  /// Runs them on prepared pictures `[N, S, S, C]`. `afterEachStep` is told each step's index in `steps` when it has ended.
  ///
  /// - Throws: `LoweringError` if a kernel fails; the program can be used again.
  func run(_ pictures: [Float], afterEachStep: (Int) -> Void = { _ in }) throws {
    try encoder.run(pictures, afterEachStep: afterEachStep)
    for name in means { encoder.write(name, to: name, of: head) }
    let quadrants = FeatureBlocks.quadrants(of: pictures, side: side, channels: channels)
    for (name, quadrant) in zip(PictureParts.quadrantNames, quadrants) {
      head.write(channelsLast: quadrant.span, to: name)
    }
    if hasHalfScale {
      for (name, quadrant) in zip(PictureParts.halfQuadrantNames, quadrants) {
        let half = FeatureBlocks.halves(
          of: quadrant, side: FeatureBlocks.quadrantSide(side), channels: channels)
        head.write(channelsLast: half.span, to: name)
      }
    }
    let before = encoder.steps.count
    try head.run { afterEachStep(before + $0) }
  }

  /// An output that was recorded.
  func read(_ name: String) -> [Float] { head.read(name) }
}
