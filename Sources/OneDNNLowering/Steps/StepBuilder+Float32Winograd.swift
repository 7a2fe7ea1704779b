import CKernels
import TensorGraph
import Tensors

// MARK: Convolutions in float32 by Winograd's filtering

extension StepBuilder {
  /// y, with what follows a convolution with bias, or dx.
  mutating func float32Winograd(
    _ tile: Int32, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    let geometry = convolution.geometry
    let isGradient = convolution.result == .dx
    let isBlocked = layouts.storage(of: convolution.y) == .blocked(ck_float32)
    let kernel = HandWrittenKernel.float32Winograd(tile: tile).name
    var steps: [Step] = []
    // Layouts chooses the kernel with a bias only where the weights are constant.
    let packed = try packedWeights(
      convolution, as: .float32Winograd(tile: tile, isGradient: isGradient), by: kernel,
      byteCount: Int(ck_winograd_float32_filter_bytes(geometry, tile)),
      isConstant: convolution.result == .yWithBias, index, &steps
    ) { w, packed in
      unsafe ck_pack_winograd_float32(geometry, tile, isGradient, w.floats, packed.floats)
    }
    let (x, y) = (floats(convolution.x), floats(convolution.y))
    let (source, result) = isGradient ? (y, x) : (x, y)
    let (epilogue, workspace) = (unsafe epilogue(of: index), memory.workspaceAddress)
    steps += try step(index, kernel: kernel) {
      unsafe ck_winograd_float32(
        geometry, tile, isGradient, isBlocked, source.floats, packed.floats, epilogue,
        result.floats, workspace.base)
    }
    return steps
  }

  /// dw.
  func float32WinogradGradient(
    _ tile: Int32, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    let geometry = convolution.geometry
    let isBlocked = layouts.storage(of: convolution.y) == .blocked(ck_float32)
    let (x, dy) = (floats(convolution.x), floats(convolution.y))
    let (dw, workspace) = (floats(convolution.w), memory.workspaceAddress)
    return try step(index, kernel: HandWrittenKernel.float32Winograd(tile: tile).name) {
      unsafe ck_winograd_gradient_float32(
        geometry, tile, isBlocked, x.floats, dy.floats, dw.floats, workspace.base)
    }
  }

  /// What follows a convolution in its node: bias, residual and ReLU, or nothing.
  func epilogue(of index: Int) -> ck_epilogue {
    let node = graph.nodes[index]
    guard case .convolutionWithBias(_, _, let relu) = node.operation else {
      return unsafe ck_epilogue()
    }
    return unsafe ck_epilogue(
      bias: floats(node.inputs[2]).floats,
      residual: node.inputs.count == 4 ? address(node.inputs[3]).base : nil, relu: relu)
  }
}
