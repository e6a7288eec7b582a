using G2RL.Onnx.Mutation;
using G2RL.Onnx.Mutation.Running;

if (args is ["worker", var tests, var woven, var count])
    return Worker.Serve(tests, woven, int.Parse(count));
return Commands.Run(args);
