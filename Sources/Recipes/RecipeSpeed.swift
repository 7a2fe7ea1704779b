import NeuralNetworks
import TensorGraph
import Tensors

extension Recipe {
  /// Multiplications per second that two cores are assumed to do where nobody measured.
  private static let multiplicationsPerSecond = 100e9

  /// A guess of the training pictures per second, from the multiplications of the encoder's convolutions alone: for a plan
  /// of a run before anything was measured.
  ///
  /// A view costs one pass forward, and two more for the gradients; each global view is seen by the target too.
  public var guessedPicturesPerSecond: Double {
    let global =
      2.0 * 4 * Double(encoder.convolutionMultiplications(imageSize: imageSize, channels: channels))
    let local =
      localViews == 0
      ? 0
      : Double(localViews) * 3
        * Double(encoder.convolutionMultiplications(imageSize: localSize, channels: channels))
    return Recipe.multiplicationsPerSecond / max(1, global + local)
  }
}

extension EncoderConfiguration {
  /// Multiplications of all convolutions for one view of one picture.
  fileprivate func convolutionMultiplications(imageSize: Int, channels: Int) -> Int {
    let side = max(imageSize, network.leastSide)
    let graph = recorded(imageSize: side, channels: channels).recorder.graph
    return graph.nodes.reduce(0) { count, node in
      guard case .convolution = node.operation else { return count }
      // Each output element is a sum over the elements of one filter.
      let weight = graph.shape(of: node.inputs[1])
      return count + node.shapes[0].elementCount * (weight.elementCount / weight[0])
    }
  }
}
