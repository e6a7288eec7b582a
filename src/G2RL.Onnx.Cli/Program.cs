return G2RL.Onnx.Cli.CommandLine.Run(args);
