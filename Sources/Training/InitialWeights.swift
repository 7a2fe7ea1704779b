public import Checkpoints
import Encoders
import Methods
import NeuralNetworks
public import Recipes
import Tensors

/// Weights of an encoder with which a run begins instead of random ones: those of a model of this product, or a file with
/// torchvision's names, such as torchvision's and timm's ResNets.
///
/// The heads begin at random all the same. A moving average begins with the same encoder.
public struct InitialWeights: Sendable {
  /// The file in the run's directory that holds them.
  public static let fileName = "initial.safetensors"

  /// The encoder's parameters and statistics by their names, such as `layer1.0.conv1.weight`.
  let tensors: [String: NamedTensor]

  /// The weights of a model, whose encoder the recipe has.
  init(_ model: EncoderModel) {
    tensors = Dictionary(model.tensors.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
  }

  /// Takes the encoder's tensors from a file. Others, such as a classifier's, are left out.
  ///
  /// - Throws: `InitialWeightsError` for the first tensor that is missing or of another shape.
  public init(_ file: Safetensors, for recipe: Recipe) throws(InitialWeightsError) {
    let found = Dictionary(file.tensors.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    var tensors: [String: NamedTensor] = [:]
    for parameter in recipe.update.variables where parameter.isOfOnlineEncoder {
      let name = parameter.path
      guard let tensor = found[name] else {
        throw .missing(tensor: name, shape: parameter.shape.dimensions)
      }
      guard tensor.shape == parameter.shape else {
        throw .shape(
          tensor: name, found: tensor.shape.dimensions, needed: parameter.shape.dimensions)
      }
      guard tensor.isFinite else { throw .notFinite(tensor: name) }
      tensors[name] = tensor
    }
    self.tensors = tensors
  }
}

/// Why a run cannot begin with the weights of a file.
public enum InitialWeightsError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A tensor of the encoder is not in the file.
  case missing(tensor: String, shape: [Int])
  /// A tensor has another shape than the recipe's encoder.
  case shape(tensor: String, found: [Int], needed: [Int])
  /// A tensor has an element that is infinite or not a number.
  case notFinite(tensor: String)

  /// A sentence, and what to do.
  public var description: String {
    switch self {
    case .missing(let tensor, let shape):
      "The file has no tensor \(tensor) \(shape), which the recipe's encoder has; its names must be torchvision's, and its "
        + "architecture that of the recipe."
    case .shape(let tensor, let found, let needed):
      "The file's tensor \(tensor) is \(found), the recipe's encoder needs \(needed): choose the architecture, the width and "
        + "the stem of the file."
    case .notFinite(let tensor): "The file's tensor \(tensor) is not finite."
    }
  }
}

extension Parameter {
  /// Whether it is a parameter or statistic of the encoder that is learned.
  var isOfOnlineEncoder: Bool { network == "online" && module == "encoder" }
}
