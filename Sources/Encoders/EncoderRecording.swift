import Images
import NeuralNetworks
import TensorGraph
import Tensors

/// A model's encoder, recorded for inference: what embeds, and what an embedding head is fitted to.
struct EncoderRecording {
  static let picturesName = "pictures"

  let recorder = Recorder()
  /// The feature maps of each stage.
  let stages: [Tensor]
  private let model: EncoderModel
  private let batchSize: Int
  private let scope: NetworkScope

  /// Records the encoder of a model for batches of `batchSize` pictures.
  init(_ model: EncoderModel, batchSize: Int) {
    self.model = model
    self.batchSize = batchSize
    scope = NetworkScope(recorder, name: "", mode: .inference)
    let (channels, side) = (model.normalization.channels, model.imageSize)
    let pictures = recorder.input(Self.picturesName, [batchSize, channels, side, side])
    stages = model.encoder.network.recordStages(pictures, in: scope.module("encoder"))
  }

  /// Records what is served, `[N, dimension]`: the head's map of the features, or y = f(x) where the model has no head.
  func embedding() -> Tensor {
    guard let head = model.head else {
      guard let last = stages.last else {
        preconditionFailure("An encoder has at least one stage.")
      }
      return last.globalAveragePooled()
    }
    let parts = PictureParts(
      head.blocks, batchSize: batchSize, side: model.imageSize,
      channels: model.normalization.channels, in: recorder)
    return head.record(
      EmbeddingHead.recordFeatures(
        head.blocks, stageMeans: stageMeans, parts: parts, filterShape: head.filters.shape))
  }

  /// The means of the stages' feature maps over their positions, each `[N, Cᵢ]`.
  var stageMeans: [Tensor] { stages.map { $0.globalAveragePooled() } }

  /// Compiles what was recorded and writes the model's weights into it, and the tensors `head` under their names.
  ///
  /// - Throws: `EncoderModelError.tensor` if a tensor does not fit, `LoweringError` if the graph does not compile.
  func compile(_ lowering: any Lowering, head: [NamedTensor]) throws -> any Program {
    let (graph, values) = try folded(head: head)
    return try graph.compiled(lowering, values)
  }

  /// What was recorded with its normalisations folded, and the values of its variables: the model's weights, and the
  /// tensors `head` under their names.
  ///
  /// - Throws: `EncoderModelError.tensor` if a tensor does not fit.
  func folded(
    head: [NamedTensor]
  ) throws(EncoderModelError) -> (graph: Graph, values: [String: [Float]]) {
    // Inference needs no statistics of its batch: each normalisation is one scale and one shift per channel, which the
    // convolution before it can have in its weights and bias. `fold` computes those from the values below.
    let folded = recorder.graph.folded()
    var values: [String: [Float]] = [:]
    let tensors = Dictionary(model.tensors.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    for parameter in scope.parameters {
      guard let tensor = tensors[parameter.path], tensor.shape == parameter.shape else {
        throw .tensor(name: parameter.path)
      }
      values[parameter.name] = tensor.values
    }
    folded.fold(&values)
    for tensor in head { values[tensor.name] = tensor.values }
    return (folded.graph, values)
  }
}

extension Graph {
  /// A program of the graph, with the values of its variables.
  func compiled(_ lowering: any Lowering, _ values: [String: [Float]]) throws(LoweringError)
    -> any Program
  {
    let program = try lowering.compile(self)
    for variable in variables { program.write(values[variable.name] ?? [], to: variable.name) }
    return program
  }
}
