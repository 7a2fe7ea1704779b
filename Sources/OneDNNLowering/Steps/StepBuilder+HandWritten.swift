import CKernels
import TensorGraph
import Tensors

// MARK: Hand-written convolutions

extension StepBuilder {
  /// A convolution or a gradient of one by a hand-written kernel.
  mutating func handWritten(
    _ kernel: HandWrittenKernel, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    switch kernel {
    case .data(let data, let isGradient):
      return try handWrittenData(data, isGradient: isGradient, index, convolution)
    case .inference(let inference):
      return try handWrittenInference(inference, index, convolution)
    case .weights(let weights): return try handWrittenWeights(weights, index, convolution)
    }
  }

  private mutating func handWrittenData(
    _ kernel: HandWrittenKernel.DataKernel, isGradient: Bool, _ index: Int,
    _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    var steps: [Step] = []
    let packed = try unsafe packedWeights(
      convolution, for: kernel, isGradient: isGradient, isConstant: false, index, &steps)
    let (x, y) = unsafe (address(convolution.x), address(convolution.y))
    let (source, result) = unsafe isGradient ? (y, x) : (x, y)
    let (geometry, workspace) = unsafe (convolution.geometry, memory.workspaceAddress)
    steps += try step(index, kernel: kernel.rawValue) {
      switch kernel {
      case .winograd:
        unsafe ck_winograd(geometry, isGradient, source, packed, result, workspace)
      case .smallMaps:
        unsafe ck_small_convolution(geometry, isGradient, source, packed, result)
      case .fewChannels:
        unsafe ck_few_channels(
          geometry, source, packed, true, ck_epilogue(), result, workspace)
      }
    }
    return steps
  }

  /// A convolution with bias. Unlike oneDNN's kernels, ours add a residual wherever it is.
  private mutating func handWrittenInference(
    _ kernel: HandWrittenKernel.InferenceKernel, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    let node = graph.nodes[index]
    guard case .convolutionWithBias(_, _, let relu) = node.operation else {
      preconditionFailure("%\(index) is no convolution with bias.")
    }
    let packing: HandWrittenKernel.DataKernel =
      switch kernel {
      case .winograd: .winograd
      case .fewChannels: .fewChannels
      }
    var steps: [Step] = []
    let packed = try unsafe packedWeights(
      convolution, for: packing, isGradient: false, isConstant: true, index, &steps)
    let epilogue = unsafe ck_epilogue(
      bias: floats(node.inputs[2]),
      residual: node.inputs.count == 4 ? address(node.inputs[3]) : nil, relu: relu)
    let (x, y) = unsafe (address(convolution.x), address(convolution.y))
    let (geometry, workspace) = unsafe (convolution.geometry, memory.workspaceAddress)
    steps += try step(index, kernel: kernel.rawValue) {
      switch kernel {
      case .winograd:
        unsafe ck_winograd_channels_last(geometry, x, packed, epilogue, y, workspace)
      case .fewChannels:
        unsafe ck_few_channels(geometry, x, packed, false, epilogue, y, workspace)
      }
    }
    return steps
  }

  private func handWrittenWeights(
    _ kernel: HandWrittenKernel.WeightKernel, _ index: Int, _ convolution: Convolution
  ) throws(LoweringError) -> [Step] {
    let (x, dy) = unsafe (address(convolution.x), address(convolution.y))
    let dw = unsafe floats(convolution.w)
    let (geometry, workspace) = unsafe (convolution.geometry, memory.workspaceAddress)
    return try step(index, kernel: kernel.rawValue) {
      switch kernel {
      case .winograd: unsafe ck_winograd_gradient(geometry, x, dy, dw, workspace)
      case .pointwise: unsafe ck_pointwise_gradient(geometry, x, dy, dw, workspace)
      case .smallMaps: unsafe ck_small_weight_gradient(geometry, x, dy, dw, workspace)
      case .fewChannels: unsafe ck_few_channels_gradient(geometry, x, dy, dw, workspace)
      }
    }
  }

  /// Weights packed for a kernel. They are packed at their first use in a run, or before the runs if only the host changes
  /// them.
  private mutating func packedWeights(
    _ convolution: Convolution, for kernel: HandWrittenKernel.DataKernel, isGradient: Bool,
    isConstant: Bool, _ index: Int, _ steps: inout [Step]
  ) throws(LoweringError) -> UnsafeMutableRawPointer {
    let (geometry, weights) = (convolution.geometry, aliases.root(convolution.w))
    let byteCount =
      switch kernel {
      case .winograd: Int(ck_winograd_filter_bytes(geometry))
      case .smallMaps: Int(ck_packed_weights_bytes(geometry))
      case .fewChannels: Int(ck_few_channels_filter_bytes(geometry))
      }
    let form = Copy.Form.packed(kernel, isGradient: isGradient, stride: convolution.stride)
    let description = ProgramStep(
      name: "reorder", kernel: kernel.rawValue, node: index, shape: graph.shape(of: weights),
      byteCount: try layouts.description(of: weights).byteCount + byteCount,
      multiplicationCount: 0)
    let w = unsafe floats(weights)
    return try unsafe copy(
      Copy(value: weights, form: form), byteCount: byteCount, isConstant: isConstant, to: &steps
    ) { (_, packed) throws(LoweringError) in
      Step(description: description) { () throws(LoweringError) in
        switch kernel {
        case .winograd: unsafe ck_pack_winograd(geometry, isGradient, w, packed)
        case .smallMaps: unsafe ck_pack_weights(geometry, isGradient, w, 32, packed)
        case .fewChannels: unsafe ck_pack_few_channels(geometry, w, packed)
        }
      }
    }
  }
}
