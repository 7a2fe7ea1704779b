import CKernels
import COneDNN
import TensorGraph
import Tensors

// MARK: Our own convolutions

extension Compilation {
  /// Binds our own kernel of a convolution or of a gradient of one.
  mutating func appendSmallConvolution(_ index: Int, _ convolution: ck_convolution)
    throws(LoweringError)
  {
    let inputs = graph.nodes[index].inputs
    let result = Graph.Value(node: index)
    let source = unsafe address(inputs[0])
    if case .convolutionWeightGradient = graph.nodes[index].operation {
      let x = unsafe address(inputs[1])
      let dw = unsafe floats(result)
      let workspace = unsafe memory.base(memory.workspace)
      return try append(index, kernel: "small planes") {
        unsafe ck_weight_gradient(convolution, x, source, dw, workspace)
      }
    }
    var isGradient: Int32 = 1
    if case .convolution = graph.nodes[index].operation { isGradient = 0 }
    let packed = try unsafe packedWeights(inputs[1], convolution, isGradient, index)
    let to = unsafe address(result)
    try append(index, kernel: "small planes") {
      unsafe ck_small_convolution(convolution, isGradient, source, packed, to)
    }
  }

  /// Where packed weights lie; they are packed at their first use in a run, since weights change only at its
  /// end.
  private mutating func packedWeights(
    _ value: Graph.Value, _ convolution: ck_convolution, _ isGradient: Int32, _ index: Int
  ) throws(LoweringError) -> UnsafeMutableRawPointer {
    let value = root(value)
    if let block = memory.packed[Int(isGradient)][value] { return unsafe memory.base(block) }
    let byteCount = Int(ck_packed_weights_bytes(convolution))
    let block = memory.add(byteCount)
    memory.packed[Int(isGradient)][value] = block
    let (w, packed) = unsafe (floats(value), memory.base(block))
    let description = ProgramStep(
      name: "reorder", kernel: "small planes", node: index, shape: graph.shape(of: value),
      byteCount: 3 * byteCount, multiplicationCount: 0)
    steps.append(
      Step(description: description) { () throws(LoweringError) in
        unsafe ck_pack_weights(convolution, isGradient, w, packed)
      })
    return unsafe packed
  }
}
