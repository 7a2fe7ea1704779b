public import Images
import NeuralNetworks
public import TensorGraph
import Tensors

/// Computes representations: the online encoder y = f(x), before the projector, batch normalisation with
/// the running statistics.
///
/// The program is compiled for a fixed number of pictures, so a picture's bits do not depend on what it
/// is embedded with. Used by one thread at a time.
public final class EmbeddingEncoder: PictureEncoder {
  /// Components of a representation.
  public let dimension: Int
  /// Side of the square that pictures are brought to, in pixels.
  public var inputSize: Int { transform.side }
  /// Pictures that one run of the program takes.
  public let batchSize: Int
  private let transform: EvaluationTransform
  private let program: any Program

  /// Compiles the encoder of a model.
  ///
  /// - Throws: `EncoderModelError.tensor` if a tensor does not fit, `LoweringError` if the encoder does not
  ///   compile.
  public init(_ model: EncoderModel, batchSize: Int = 1, lowering: any Lowering) throws {
    self.batchSize = batchSize
    dimension = model.encoder.representationDimension
    transform = EvaluationTransform(side: model.imageSize, normalization: model.normalization)
    let recorder = Recorder()
    let scope = NetworkScope(recorder, prefix: "", mode: .inference)
    let side = model.imageSize
    let pictures = recorder.input("pictures", [batchSize, 3, side, side])
    recorder.output("representation", scope.resNet("encoder", pictures, model.encoder))
    program = try lowering.compile(recorder.graph)
    let tensors = Dictionary(model.tensors.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    for parameter in scope.parameters {
      let name = String(parameter.name.dropFirst("encoder.".count))
      guard let tensor = tensors[name], tensor.shape == parameter.shape else {
        throw EncoderModelError.tensor(name: name)
      }
      program.write(tensor.values, to: parameter.name)
    }
  }

  /// Opens a model file.
  ///
  /// - Throws: `CheckpointError` if the file does not read back, else as the other initialiser.
  public convenience init(modelFile: String, batchSize: Int = 1, lowering: any Lowering) throws {
    try self.init(
      EncoderModel(reading: modelFile), batchSize: batchSize, lowering: lowering)
  }

  /// The representation of a picture, not normalised.
  ///
  /// - Throws: `LoweringError` if a kernel fails; the encoder can be used again.
  public func embed(_ image: RGBImage) throws -> [Float] { try embed([image])[0] }

  /// The representations of any number of pictures, in order.
  ///
  /// - Throws: `LoweringError` if a kernel fails; the encoder can be used again.
  public func embed(_ images: [RGBImage]) throws -> [[Float]] {
    var results: [[Float]] = []
    let size = transform.elementCount
    for first in stride(from: 0, to: images.count, by: batchSize) {
      let group = images[first..<min(first + batchSize, images.count)]
      var input = [Float](repeating: 0, count: batchSize * size)
      for (place, image) in group.enumerated() {
        input.replaceSubrange(place * size..<(place + 1) * size, with: transform(image))
      }
      program.write(channelsLast: input.span, to: "pictures")
      try program.run()
      let vectors = program.read("representation")
      for place in 0..<group.count {
        results.append(Array(vectors[place * dimension..<(place + 1) * dimension]))
      }
    }
    return results
  }
}
