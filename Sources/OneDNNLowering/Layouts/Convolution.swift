import CKernels
import TensorGraph
import Tensors

/// A convolution of x and w to y, or a gradient of one, as a node of a graph computes it.
struct Convolution {
  /// What is computed from the others of x, w and y.
  enum Result: String {
    case y, dx, dw
    /// y with a bias and perhaps a residual and ReLU.
    case yWithBias
  }

  var result: Result
  var x: Graph.Value
  var w: Graph.Value
  var y: Graph.Value
  var geometry: ck_convolution
  var stride: Int
  var padding: Int

  /// The convolution of a node, or nil if the node computes none.
  init?(_ graph: Graph, _ index: Int) {
    let (inputs, made) = (graph.nodes[index].inputs, Graph.Value(node: index))
    switch graph.nodes[index].operation {
    case .convolution(let stride, let padding):
      (result, x, w, y) = (.y, inputs[0], inputs[1], made)
      (self.stride, self.padding) = (stride, padding)
    case .convolutionWithBias(let stride, let padding, _):
      (result, x, w, y) = (.yWithBias, inputs[0], inputs[1], made)
      (self.stride, self.padding) = (stride, padding)
    case .convolutionInputGradient(let stride, let padding, _):
      (result, x, w, y) = (.dx, made, inputs[1], inputs[0])
      (self.stride, self.padding) = (stride, padding)
    case .convolutionWeightGradient(let stride, let padding, _):
      (result, x, w, y) = (.dw, inputs[1], made, inputs[0])
      (self.stride, self.padding) = (stride, padding)
    default: return nil
    }
    let (input, output) = (graph.shape(of: x), graph.shape(of: y))
    geometry = ck_convolution(
      images: Int64(input[0]), in_channels: Int64(input[1]), out_channels: Int64(output[1]),
      height: Int64(input[2]), width: Int64(input[3]), out_height: Int64(output[2]),
      out_width: Int64(output[3]), size: Int64(graph.shape(of: w)[2]), stride: Int64(stride),
      padding: Int64(padding))
  }
}

extension ck_convolution {
  /// Pixels of a feature map of the output.
  var outputPixels: Int64 { out_height * out_width }
}
