public import Checkpoints
public import Images
public import NeuralNetworks
import Randomness
import Recipes
import TensorGraph
public import Tensors

/// An online encoder with what it takes to use it: the contents of `model.safetensors`.
///
/// The tensors have torchvision's names and shapes. At width 1 the file loads there with `strict=True` into the same architecture whose
/// `fc` is an identity. With the `cifar` stem, `conv1` must first become a 3×3 convolution of stride 1 and `maxpool` an identity:
/// a max pooling has no weights, so nothing but the vectors shows that it was left in. `docs/models.md` has the code.
public struct EncoderModel: Sendable {
  /// The encoder f.
  public var encoder: EncoderConfiguration
  /// The side of the square that pictures are brought to, in pixels.
  public var imageSize: Int
  /// What the encoder's input subtracts and divides by.
  public var normalization: Normalization
  /// Parameters and running statistics under torchvision's names.
  public var tensors: [NamedTensor]
  /// What makes embeddings of the encoder's feature maps; nil where the representation is the embedding.
  public var head: EmbeddingHead?
  /// Where it comes from; no part of what it computes.
  public var provenance: [String: String]
  /// Components of an embedding.
  public var dimension: Int { head?.dimension ?? encoder.representationDimension }

  /// The memory of its tensors, in bytes.
  public var weightByteCount: Int {
    (tensors + (head?.tensors ?? [])).reduce(0) { $0 + 4 * $1.values.count }
  }

  /// An encoder with its weights.
  public init(
    encoder: EncoderConfiguration, imageSize: Int, normalization: Normalization,
    tensors: [NamedTensor], head: EmbeddingHead? = nil, provenance: [String: String] = [:]
  ) {
    self.head = head
    self.encoder = encoder
    self.imageSize = imageSize
    self.normalization = normalization
    self.tensors = tensors
    self.provenance = provenance
  }
}

/// Why a file is not a model of this product.
public enum EncoderModelError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A metadata entry is missing or not of the allowed form.
  case metadata(key: String, value: String?)
  /// A tensor of the encoder is missing or has another shape.
  case tensor(name: String)

  /// One sentence.
  public var description: String {
    switch self {
    case .metadata(EncoderModel.formatKey, let value?):
      "The model file has format “\(value)”, and this version of byol reads \(EncoderModel.formatVersions.joined(separator: ", ")): a newer version wrote it, or another program."
    case .metadata(let key, let value):
      "The model file's metadata \(key) is \(value.map { "“\($0)”" } ?? "missing")."
    case .tensor(let name): "The model file's tensor \(name) is missing or of another shape."
    }
  }
}

extension EncoderModel {
  /// The version of the metadata of a model whose representation is the embedding.
  public static let formatVersion = "1"
  /// The version of a model with an embedding head, which earlier versions of this product would leave out.
  public static let formatVersionWithHead = "2"
  /// The version of a model whose head maps other blocks of features than the heads of version 2, of which a reader of that version
  /// would leave some out.
  public static let formatVersionWithBlocks = "3"
  /// All that are read.
  static let formatVersions = [formatVersion, formatVersionWithHead, formatVersionWithBlocks]
  static let formatKey = "byol.format"
  static let runKey = "byol.run"
  static let stepKey = "byol.step"
  /// What other loaders of the format ask for: whose names and shapes the tensors have.
  static let frameworkKey = "format"

  /// The file: tensors and string metadata.
  public var safetensors: Safetensors {
    var metadata = provenance
    metadata[Self.frameworkKey] = "pt"
    metadata[Self.formatKey] = formatVersion
    metadata["byol.architecture"] = encoder.architecture.rawValue
    metadata["byol.width"] = String(encoder.width)
    metadata["byol.stem"] = encoder.stem.rawValue
    metadata["byol.image_size"] = String(imageSize)
    metadata["byol.mean"] = text(normalization.mean)
    metadata["byol.deviation"] = text(normalization.deviation)
    return Safetensors(
      arrays: (tensors + (head?.tensors ?? [])).map(CheckpointArray.init), metadata: metadata)
  }

  /// The least version whose readers compute what this model does.
  private var formatVersion: String {
    guard let head else { return EncoderModel.formatVersion }
    return head.blocks == .ofVersion2(stages: head.blocks.stages)
      ? EncoderModel.formatVersionWithHead : EncoderModel.formatVersionWithBlocks
  }

  /// Reads a model from its file.
  ///
  /// - Throws: `EncoderModelError` naming what does not fit. Tensors are checked by `EmbeddingEncoder`.
  public init(_ file: Safetensors) throws(EncoderModelError) {
    func value<Value>(_ key: String, _ parse: (String) -> Value?) throws(EncoderModelError)
      -> Value
    {
      guard let text = file.metadata[key], let value = parse(text) else {
        throw .metadata(key: key, value: file.metadata[key])
      }
      return value
    }
    func numbers(_ text: String) -> [Float]? {
      let numbers = text.split(separator: " ").compactMap { Float($0) }
      let isOne = Raster.channelCounts.contains(numbers.count) && numbers.allSatisfy(\.isFinite)
      return isOne ? numbers : nil
    }
    let version = try value(EncoderModel.formatKey) {
      EncoderModel.formatVersions.contains($0) ? $0 : nil
    }
    encoder = EncoderConfiguration(
      architecture: try value("byol.architecture", EncoderConfiguration.Architecture.init),
      width: try value("byol.width") { text in
        Double(text).flatMap { EncoderConfiguration.widths.contains($0) ? $0 : nil }
      },
      stem: try value("byol.stem", EncoderConfiguration.Stem.init))
    imageSize = try value("byol.image_size") { text in
      Int(text).flatMap { RecipeLimits.imageSize.contains($0) ? $0 : nil }
    }
    normalization = Normalization()
    let mean = try value("byol.mean", numbers)
    normalization.mean = mean
    normalization.deviation = try value("byol.deviation") { text in
      numbers(text).flatMap { $0.count == mean.count && $0.allSatisfy { $0 > 0 } ? $0 : nil }
    }
    let all = file.tensors
    tensors = all.filter { !$0.name.hasPrefix(EmbeddingHead.prefix) }
    if version != EncoderModel.formatVersion {
      let stageChannels = encoder.network.stageChannels
      let tensors = all.filter { $0.name.hasPrefix(EmbeddingHead.prefix) }
      guard
        let head = EmbeddingHead(
          tensors, stageChannels: stageChannels, side: imageSize, channels: mean.count),
        version == EncoderModel.formatVersionWithBlocks
          || head.blocks == .ofVersion2(stages: stageChannels.count)
      else { throw .tensor(name: EmbeddingHead.prefix + "…") }
      self.head = head
    }
    provenance = file.metadata.filter { [Self.runKey, Self.stepKey].contains($0.key) }
  }

  /// Reads a model file.
  ///
  /// - Throws: `CheckpointError` if the file does not read back, `EncoderModelError` if it is no model.
  public init(reading path: String) throws {
    try self.init(Safetensors(reading: path))
  }

  /// Reads a model file once, for its contents and its fingerprint.
  ///
  /// - Throws: as `init(reading:)`.
  public static func withFingerprint(reading path: String) throws -> (
    model: EncoderModel, fingerprint: String
  ) {
    let file = try Safetensors(reading: path)
    return (try EncoderModel(file), modelFingerprint(of: file))
  }

  /// The same network before its first update: what a trained one is compared with.
  public func randomized(seed: UInt64) -> EncoderModel {
    EncoderModel(
      random: encoder, imageSize: imageSize, normalization: normalization, seed: seed)
  }

  /// An encoder before its first update, for pictures of as many channels as are normalised.
  public init(
    random encoder: EncoderConfiguration, imageSize: Int,
    normalization: Normalization = Normalization(), seed: UInt64
  ) {
    let scope = NetworkScope(Recorder(), name: "", mode: .inference)
    let pictures = scope.recorder.input(
      "pictures", [1, normalization.channels, imageSize, imageSize])
    _ = encoder.network.record(pictures, in: scope.module("encoder"))
    self.encoder = encoder
    self.imageSize = imageSize
    self.normalization = normalization
    head = nil
    tensors = scope.parameters.enumerated().map { index, parameter in
      var stream = RandomStream(seed: seed, purpose: .weights, index: index)
      return NamedTensor(
        name: parameter.path, shape: parameter.shape,
        values: parameter.initializer.values(parameter.shape.elementCount, from: &stream))
    }
    provenance = [:]
  }

  private func text(_ numbers: [Float]) -> String {
    numbers.map { String($0) }.joined(separator: " ")
  }
}
