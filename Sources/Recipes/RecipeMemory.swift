public import NeuralNetworks
import TensorGraph
import Tensors

extension EncoderConfiguration {
  /// Weights of the convolutions and scales and offsets of the batch norms, for pictures of so many channels.
  public func parameterCount(channels: Int) -> Int {
    recorded(imageSize: network.leastSide, channels: channels).learned
      .reduce(0) { $0 + $1.parameter.shape.elementCount }
  }

  /// Outputs of all convolutions for one view of one picture, in elements.
  ///
  /// Every convolution's output is kept for the gradients, and so is what batch norm makes of it.
  func convolutionOutputCount(imageSize: Int) -> Int {
    recorded(imageSize: imageSize, channels: 3).recorder.graph.nodes.reduce(0) { count, node in
      guard case .convolution = node.operation else { return count }
      return count + node.shapes[0].elementCount
    }
  }

  /// An estimate of what a training process needs, in bytes: the activations of the online
  /// network's two views, and 256 MiB for weights, optimizer, target and pictures.
  func trainingByteCount(imageSize: Int, batchSize: Int) -> Int {
    let elements = convolutionOutputCount(imageSize: imageSize) * 2 * 2 * batchSize
    return elements * 4 + 256 << 20
  }

  /// The encoder for one picture, recorded to be looked at.
  func recorded(imageSize: Int, channels: Int) -> NetworkScope {
    let scope = NetworkScope(Recorder(), name: "", mode: .inference)
    let picture = scope.recorder.input("picture", [1, channels, imageSize, imageSize])
    _ = network.record(picture, in: scope.module("encoder"))
    return scope
  }
}

extension Recipe {
  /// An estimate of what a training process needs, in bytes, from the sizes of the encoder's feature maps.
  public var estimatedTrainingByteCount: Int {
    encoder.trainingByteCount(imageSize: imageSize, batchSize: batchSize)
  }
}
