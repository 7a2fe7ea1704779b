import Checkpoints
import Images
public import ONNX
import TensorGraph
import Tensors

extension EncoderModel {
  /// The names of the inputs of ONNX files: normalised pictures, or their pixels.
  public static let (onnxPicturesName, onnxPixelsName) = ("pictures", "pixels")
  /// The names of their outputs: the embedding, and the same of length 1.
  public static let (onnxEmbeddingName, onnxNormalizedName) = ("embedding", "embedding_normalized")

  /// The ONNX file of a model file.
  ///
  /// At its most it takes the memory of the weights twice, once as they are and once folded.
  ///
  /// - Throws: as `init(reading:)` and `onnx(fingerprint:takesPixels:)`.
  public static func onnx(reading path: String, takesPixels: Bool) throws -> ONNXModel {
    let (model, fingerprint) = try withFingerprint(reading: path)
    return try model.onnx(fingerprint: fingerprint, takesPixels: takesPixels)
  }

  /// The model as an ONNX file: what `EmbeddingEncoder` computes in float32, for any number N of pictures at once.
  ///
  /// It has one input: `pictures`, float32 `[N, C, S, S]`, normalised; or with `takesPixels` `pixels`, bytes `[N, S, S, C]`
  /// as they are decoded, which the file then normalises itself. Either way the pictures have been resized and cropped. Its
  /// outputs are `embedding` and `embedding_normalized`, float32 `[N, D]`. As in the engine, normalisations are folded into the
  /// convolutions.
  ///
  /// - Throws: `EncoderModelError.tensor` if a tensor does not fit; `ONNXError` where the file would be too large, or
  ///   the encoder has an operation that is not exported.
  public func onnx(fingerprint: String, takesPixels: Bool = false) throws -> ONNXModel {
    let recording = EncoderRecording(self, batchSize: 1)
    let embedding = recording.embedding()
    recording.recorder.output(Self.onnxEmbeddingName, embedding)
    recording.recorder.output(Self.onnxNormalizedName, embedding.l2Normalized())
    let (recorded, values) = try recording.folded(head: head?.tensors ?? [])
    var graph = ONNXGraph()
    graph.inputs = [onnxInput(takesPixels: takesPixels)]
    let pictures =
      takesPixels ? normalizedPixels(in: &graph) : EncoderModel.onnxPicturesName
    var inputs = [EncoderRecording.picturesName: pictures]
    if let head { addQuadrants(of: pictures, head.blocks, in: &graph, to: &inputs) }
    try graph.add(recorded, inputs: inputs, values: values)
    graph.outputs = [
      onnxOutput(Self.onnxEmbeddingName, "The embedding, not normalised."),
      onnxOutput(Self.onnxNormalizedName, "The embedding, of length 1."),
    ]
    return try ONNXModel(
      graph, documentation: "An image encoder trained by byol. \(onnxTransform.rule)",
      metadata: onnxMetadata(fingerprint: fingerprint, takesPixels: takesPixels))
  }
}

// MARK: - Inputs and outputs

extension EncoderModel {
  private func onnxInput(takesPixels: Bool) -> ONNXValue {
    let (side, channels) = (ONNXValue.Dimension.fixed(imageSize), normalization.channels)
    return takesPixels
      ? ONNXValue(
        name: Self.onnxPixelsName, element: .uint8,
        shape: [.named("N"), side, side, .fixed(channels)],
        documentation: "Resized and cropped pictures, 0…255, channels last.")
      : ONNXValue(
        name: Self.onnxPicturesName, element: .float32,
        shape: [.named("N"), .fixed(channels), side, side],
        documentation: "Resized and cropped pictures, (value / 255 - mean) / deviation.")
  }

  private func onnxOutput(_ name: String, _ documentation: String) -> ONNXValue {
    ONNXValue(
      name: name, element: .float32, shape: [.named("N"), .fixed(dimension)],
      documentation: documentation)
  }

  /// Bytes `[N, S, S, C]` to normalised pictures `[N, C, S, S]`.
  private func normalizedPixels(in graph: inout ONNXGraph) -> String {
    let shape: Shape = [normalization.channels]
    let constants = [
      graph.add(constant: .floats([255]), [], name: "preprocessing.largest"),
      graph.add(constant: .floats(normalization.mean), shape, name: "preprocessing.mean"),
      graph.add(constant: .floats(normalization.deviation), shape, name: "preprocessing.deviation"),
    ]
    let float32 = ONNXNode.Attribute.integer(ONNXValue.Element.float32.rawValue)
    var value = graph.add(
      "Cast", [Self.onnxPixelsName], ["to": float32], name: "preprocessing.float")
    for (operation, constant) in zip(["Div", "Sub", "Div"], constants) {
      value = graph.add(operation, [value, constant], name: "preprocessing.\(operation)")
    }
    return graph.add(
      "Transpose", [value], ["perm": .integers([0, 3, 1, 2])], name: Self.onnxPicturesName)
  }

  /// Adds the quadrants of pictures, as `PictureParts` has them, to the inputs of what was recorded.
  private func addQuadrants(
    of pictures: String, _ blocks: FeatureBlocks, in graph: inout ONNXGraph,
    to inputs: inout [String: String]
  ) {
    let half = FeatureBlocks.quadrantSide(imageSize)
    let axes = graph.add(constant: .integers([2, 3]), [2], name: "quadrants.axes")
    let names = zip(PictureParts.quadrantNames, PictureParts.halfQuadrantNames)
    for (corner, (name, halfName)) in zip(FeatureBlocks.quadrantCorners(imageSize), names) {
      let bounds = [0, half].map {
        ONNXInitializer.Values.integers([corner.top + $0, corner.left + $0])
      }
      let start = graph.add(constant: bounds[0], [2], name: name + ".start")
      let end = graph.add(constant: bounds[1], [2], name: name + ".end")
      let quadrant = graph.add("Slice", [pictures, start, end, axes], name: name)
      inputs[name] = quadrant
      guard blocks.hasHalfScale else { continue }
      inputs[halfName] = graph.add(
        "AveragePool", [quadrant],
        ["kernel_shape": .integers([2, 2]), "strides": .integers([2, 2])], name: halfName)
    }
  }
}

// MARK: - What is said of it

extension EncoderModel {
  private var onnxTransform: EvaluationTransform {
    EvaluationTransform(side: imageSize, normalization: normalization)
  }

  private func onnxMetadata(fingerprint: String, takesPixels: Bool) -> [String: String] {
    var metadata = safetensors.metadata
    metadata[Self.frameworkKey] = nil
    metadata["byol.fingerprint"] = fingerprint
    metadata["byol.channels"] = String(normalization.channels)
    metadata["byol.resized_short_side"] = String(onnxTransform.resizedSide)
    metadata["byol.crop_side"] = String(imageSize)
    metadata["byol.resampling"] = "bicubic, antialiased, a = -0.5"
    metadata["byol.resize_and_crop"] = onnxTransform.rule
    metadata["byol.preprocessing"] =
      takesPixels
      ? "In the graph: of bytes, (value / 255 - mean) / deviation, channels first. Before it: resizing and cropping."
      : "Before the graph: resizing, cropping, (value / 255 - mean) / deviation, channels first."
    metadata["byol.dimension"] = String(dimension)
    metadata["byol.output"] =
      "\(Self.onnxEmbeddingName) is not normalised; \(Self.onnxNormalizedName) has length 1, and is what the service answers by default."
    return metadata
  }
}
