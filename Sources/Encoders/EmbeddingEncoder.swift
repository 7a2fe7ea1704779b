public import Images
import NeuralNetworks
public import TensorGraph
import Tensors

/// Computes representations: the online encoder y = f(x), before the projector, batch normalisation with
/// the running statistics folded into the convolutions when the weights are written.
///
/// The program is compiled for a fixed number of pictures, so a picture's bits do not depend on what it
/// is embedded with. Used by one thread at a time.
public final class EmbeddingEncoder {
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
    let encoder = model.encoder.network
    dimension = encoder.dimension
    transform = EvaluationTransform(side: model.imageSize, normalization: model.normalization)
    let recorder = Recorder()
    let scope = NetworkScope(recorder, name: "", mode: .inference)
    let side = model.imageSize
    let pictures = recorder.input("pictures", [batchSize, transform.channels, side, side])
    recorder.output("representation", encoder.record(pictures, in: scope.module("encoder")))
    let folded = recorder.graph.folded()
    var values: [String: [Float]] = [:]
    let tensors = Dictionary(model.tensors.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    for parameter in scope.parameters {
      guard let tensor = tensors[parameter.path], tensor.shape == parameter.shape else {
        throw EncoderModelError.tensor(name: parameter.path)
      }
      values[parameter.name] = tensor.values
    }
    folded.fold(&values)
    program = try lowering.compile(folded.graph)
    for variable in folded.graph.variables {
      program.write(values[variable.name] ?? [], to: variable.name)
    }
  }

  /// What a run does, in order.
  public var steps: [ProgramStep] { program.steps }

  /// Opens a model file.
  ///
  /// - Throws: `CheckpointError` if the file does not read back, else as the other initialiser.
  public convenience init(modelFile: String, batchSize: Int = 1, lowering: any Lowering) throws {
    try self.init(
      EncoderModel(reading: modelFile), batchSize: batchSize, lowering: lowering)
  }

  /// The representation of a picture, not normalised.
  ///
  /// - Throws: `ImageError.otherChannels` for a picture of other channels than the model's; `LoweringError` if a kernel fails.
  ///   The encoder can be used again.
  public func embed(_ image: Raster) throws -> [Float] { try embed([image])[0] }

  /// The representations of any number of pictures, in order.
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
      for place in 0..<group.count {
        results.append(Array(vectors[place * dimension..<(place + 1) * dimension]))
      }
    }
    return results
  }

  /// At most `batchSize` pictures as `represent` takes them: resized, cut out, normalised, a plane a colour; 0 in the places that
  /// are left over.
  public func prepared(_ images: some Collection<Raster>) -> [Float] {
    precondition(images.count <= batchSize, "\(images.count) pictures for \(batchSize) places.")
    var input: [Float] = []
    input.reserveCapacity(batchSize * transform.elementCount)
    for image in images {
      let pixels = transform(image)
      let channels = transform.channels
      for channel in 0..<channels {
        for place in stride(from: channel, to: pixels.count, by: channels) {
          input.append(pixels[place])
        }
      }
    }
    input += repeatElement(0, count: batchSize * transform.elementCount - input.count)
    return input
  }

  /// The representations of `batchSize` prepared pictures, one after another. `afterEachStep` is told each step's
  /// place in `steps` when it has ended.
  ///
  /// - Throws: `LoweringError` if a kernel fails; the encoder can be used again.
  public func represent(_ prepared: [Float], afterEachStep: (Int) -> Void = { _ in }) throws
    -> [Float]
  {
    program.write(prepared, to: "pictures")
    try program.run(afterEachStep: afterEachStep)
    return program.read("representation")
  }
}
